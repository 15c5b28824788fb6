"""How large one split of a task's data is: as published, cut and capped as the grid says."""

from __future__ import annotations

from dataclasses import dataclass

from sweep.planning.published import EXAMPLES, LENGTHS, OF_KIND, SCORED, UNKNOWN_EXAMPLES, UNKNOWN_SCORED
from training.data.loading import DataSource
from training.tasks.row import Split, TaskRow

PUBLISHED = "published"


@dataclass(frozen=True)
class SplitSize:
    """Units (examples, windows) of each language of a split, mean tokens of a unit, and what says so.

    `examples` is how many examples the units of all languages are of (0: as many).
    """

    units: tuple[int, ...]
    tokens: float
    basis: str
    examples: int = 0

    @property
    def total(self) -> int:
        """Units of all languages."""
        return sum(self.units)

    @property
    def is_guessed(self) -> bool:
        """Whether nobody has counted the examples, here or where they were published."""
        return "a language (assumed" in self.basis or "(examples, assumed)" in self.basis

    def units_of(self, examples: int) -> int:
        """Units of so many of the examples (0: of all)."""
        whole = self.examples or self.total
        return self.total if not 0 < examples < whole else max(1, round(self.total * examples / whole))


def published_size(source: DataSource, split: str, languages: tuple[str, ...]) -> SplitSize:
    """What is published of a split, cut and capped as the grid says."""
    row = source.row
    if row.parts and split == Split.TRAIN:
        return _of_parts(source, languages)
    units, said = _published_units(row, split, alone=len(languages) == 1)
    if split == Split.DEV and source.carve_dev:
        units, said = (
            round(_published_units(row, Split.TRAIN, alone=True)[0] * source.carve_dev),
            "examples, carved off the train set",
        )
    length = LENGTHS.get(row.name) or OF_KIND[row.kind]
    tokens = min(length.tokens, row.encoding.max_length) * length.sequences
    basis = f"{PUBLISHED}: {units:,} a language ({said}) of {tokens:.1f} tokens ({length.basis})"
    return SplitSize((used_of(source, split, units),) * len(languages), tokens, basis)


def _published_units(row: TaskRow, split: str, *, alone: bool) -> tuple[int, str]:
    if split in row.counts and (alone or split == Split.TRAIN or row.name not in SCORED):
        return row.counts[split], "examples, as published"
    if split == Split.TRAIN:
        return EXAMPLES.get(row.name, (UNKNOWN_EXAMPLES, "examples, assumed"))
    if row.name in SCORED:
        return SCORED[row.name]
    return UNKNOWN_SCORED, "examples, assumed"


def _of_parts(source: DataSource, languages: tuple[str, ...]) -> SplitSize:
    """A task of several parts has their examples; its own caps and carving hold, not theirs."""
    parts = [published_size(DataSource(row=part, root=source.root), Split.TRAIN, languages) for part in source.row.parts]
    units = sum(part.units[0] for part in parts)
    tokens = sum(part.units[0] * part.tokens for part in parts) / units
    basis = f"{PUBLISHED}: {units:,} examples of {', '.join(part.name for part in source.row.parts)}; {tokens:.1f} tokens"
    return SplitSize((used_of(source, Split.TRAIN, units),) * len(languages), tokens, basis)


def used_of(source: DataSource, split: str, units: int) -> int:
    """What carving and a cap leave of a file's units; at least one."""
    left = round(units * (1 - source.carve_dev)) if split == Split.TRAIN else units
    return max(1, min(left, source.caps.get(split, left)))
