"""What an intermediate task gives on average over targets, with an interval.

The average is taken seed by seed and compared with the baseline's average as one pair is (`reports.statistics.compare`): what a
seed does to several targets at once, through an intermediate phase that they share, is in the variance over seeds. Items of
different test sets are drawn independently. Targets have equal weight, as in the tables.

An average is over all of a table's targets, or over all without retrieval, and never over fewer: with one delta missing, or one
that compares different languages or splits, there is none, and `missing` says why. So two averages of one table always compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reports.cells import BASELINE, Cell
from reports.frame import TransferTable
from reports.statistics.compare import LEVEL, Comparison, compare
from reports.statistics.transfer import Arms

ALL, WITHOUT_RETRIEVAL = "all targets", "without retrieval"
SAME_TEXTS = {"lareqa": "xquad"}
"""Targets whose test texts are another's."""


@dataclass(frozen=True, kw_only=True)
class AverageDelta:
    """One intermediate task's mean delta over `targets`, in points.

    `found` is None where one of them is `missing` (a reason each) or chance is unknown. `note` says what the interval leaves
    out.
    """

    model: str
    intermediate: str
    over: str
    targets: tuple[str, ...]
    found: Comparison | None
    missing: tuple[str, ...] = ()
    note: str = ""


def averages_of(tables: Sequence[TransferTable], arms: Arms, level: float = LEVEL) -> list[AverageDelta]:
    """Every intermediate task's average over all targets, and without retrieval where a table has such targets."""
    return [found for table in tables for found in _of_table(table, arms, level)]


def _of_table(table: TransferTable, arms: Arms, level: float) -> Iterator[AverageDelta]:
    kept = tuple(target for target in table.targets if target not in table.retrieval)
    choices = [(ALL, table.targets), (WITHOUT_RETRIEVAL, kept)] if kept and kept != table.targets else [(ALL, table.targets)]
    for name in table.intermediates:
        for over, targets in choices:
            if name != BASELINE:
                yield average_of(table, name, targets, arms, over=over, level=level)


def average_of(
    table: TransferTable,
    name: str,
    targets: Sequence[str],
    arms: Arms,
    *,
    over: str = "",
    level: float = LEVEL,
    against: str = BASELINE,
) -> AverageDelta:
    """The average of one intermediate task over `targets`, against no intermediate task, or against another one."""
    said = AverageDelta(
        model=table.model,
        intermediate=name,
        over=over or ", ".join(targets),
        targets=tuple(targets),
        found=None,
        missing=tuple(missing_of(table, name, targets, against)),
        note=same_texts(targets),
    )
    if said.missing:
        return said
    try:
        mine, other = (arms.mean_of([table.cells[row][target] for target in targets]) for row in (name, against))
    except ValueError as error:
        return replace(said, missing=(f"{error}",))
    found = compare(mine, other, level)
    return (
        replace(said, found=found)
        if found
        else replace(said, missing=("one seed, and no evidence of the items: chance is unknown",))
    )


def missing_of(table: TransferTable, name: str, targets: Sequence[str], against: str = BASELINE) -> Iterator[str]:
    """Why `name` and `against` can't be compared over `targets`: one reason for each target that stands in the way."""
    for target in targets:
        pair = [table.cells.get(row, {}).get(target) for row in (name, against)]
        for row, cell in zip((name, against), pair, strict=True):
            if cell is None or cell.score is None:
                yield f"{row} → {target}: {cell.reason if cell and cell.reason else 'no trial yet'}"
        mine, other = pair
        if mine and other and mine.score is not None and other.score is not None:
            yield from (f"{name} → {target}: {what}" for what in _unlike(mine, other))


def _unlike(mine: Cell, other: Cell) -> Iterator[str]:
    if mine.languages.keys() != other.languages.keys():
        apart = ", ".join(sorted(mine.languages.keys() ^ other.languages.keys()))
        yield f"not the languages of {other.intermediate} ({apart} in one of them)"
    if mine.split != other.split:
        yield f"scored on {mine.split}, {other.intermediate} on {other.split}"


def same_texts(targets: Sequence[str]) -> str:
    """Targets that are scored on the same texts, at least in part."""
    stems: dict[str, list[str]] = {}
    for target in targets:
        stem = target.removeprefix("mini_").removesuffix("_xr")
        stems.setdefault(SAME_TEXTS.get(stem, stem), []).append(target)
    same = [" and ".join(names) for names in stems.values() if len(names) > 1]
    return f"{'; '.join(same)} share test texts, whose items count as drawn on their own: too narrow" if same else ""
