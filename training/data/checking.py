"""Looking at data without handing it out: whether splits can be read, and an example with its gold left out.

The floors above get counts and texts from here, never examples: what chooses among trials cannot see the gold of a test set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data.loading import DataSource, load, stream
from training.data.statistics import field_names
from training.data.units import wanted
from training.errors import DataError, Faults, MissingDataError, UserError
from training.tasks.row import Split, TaskRow

LONGEST, MOST_NAMED = 300, 4
GOLD = ("label", "tags", "answers", "gold", "entity")
"""Fields of examples that hold gold."""
_LABELLED = ("label", "tags", "gold")
"""Fields that are None where a file carries no gold."""
Needed = tuple[str, str, Split, tuple[str, ...]]
"""A key, a task, a split and the languages that are needed of it."""


def count_examples(needed: Iterable[Needed], sources: Mapping[str, DataSource], subject: str) -> dict[str, int]:
    """Read every split; returns examples by key, raises `Faults` on `subject` listing what is wrong in all of the files.

    A split without gold is a fault, too.
    """
    faults: list[UserError] = []
    counts: dict[str, int] = {}
    for key, task, split, languages in needed:
        for language in languages:
            try:
                counts[key] = counts.get(key, 0) + _counted(sources[task], split, language)
            except Faults as found:
                faults += found.faults
            except UserError as fault:
                faults.append(fault)
    if faults:
        # A train file that a dev split is carved from is read twice: its faults are told once.
        raise Faults(subject, together(list({str(fault): fault for fault in faults}.values())))
    return counts


def _counted(source: DataSource, split: Split, language: str) -> int:
    """How many examples there are; raises DataError where some have no gold."""
    number = blank = 0
    for example in stream(source, split, language):
        number += 1
        blank += any(getattr(example, name, 0) is None for name in _LABELLED)
    if blank:
        raise DataError(
            f"the {split} data of task {source.row.name} in language {language!r} carries no gold",
            f"{blank} of {number} examples without",
            f"put files with gold there, or set data.{source.row.name}.scored_on in the grid where another split has it",
        )
    return number


def together(faults: Sequence[UserError], *, whole: bool = False) -> list[UserError]:
    """Faults in their order, the missing files of one task as one fault: how many they are, of what, the first names.

    With `whole` on, to do with fewer languages is no remedy.
    """
    groups: dict[object, list[UserError]] = {}
    for place, fault in enumerate(faults):
        key = fault.task if isinstance(fault, MissingDataError) else place
        groups.setdefault(key, []).append(fault)
    return [group[0] if len(group) == 1 else _missing(group, whole) for group in groups.values()]


def _missing(group: Sequence[UserError], whole: bool) -> UserError:
    found = [fault for fault in group if isinstance(fault, MissingDataError)]
    first, splits = found[0], dict[str, list[str]]()
    for fault in found:
        splits.setdefault(fault.split, []).append(fault.language)
    what = "; ".join(f"{split}: {_first(languages, 'languages')}" for split, languages in splits.items())
    cause = f"task {first.task} lacks {len(found)} data files ({what})"
    remedy = f"put them below {first.value} or {first.value}/xtreme (as .gz too), or name another data folder"
    several = not whole and any(len(languages) > 1 for languages in splits.values())
    remedy += "; or limit the task's `languages` in the grid" if several else ""
    remedy += f"; or fetch them: sweep data prepare {first.task}" if "sweep data prepare" in first.remedy else ""
    return DataError(cause, _first([fault.file for fault in found], "files"), remedy)


def _first(names: Sequence[str], kind: str) -> str:
    """The first few names, and how many there are besides."""
    rest = len(names) - MOST_NAMED
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:MOST_NAMED])} and {rest} other {kind}"


def first_example(row: TaskRow, data: Path) -> dict[str, Any] | None:
    """Split, language, class and fields (as text) of the first example that can be read; of a test example without its gold.

    None where no file is there; raises UserError where files are there and none can be read, with what is wrong in the first.
    """
    unread: UserError | None = None
    for split, language in wanted(row):
        try:
            example = load(DataSource(row=row, root=data), split, language)[0]
        except MissingDataError:
            continue
        except UserError as fault:
            unread = unread or fault
            continue
        hidden = GOLD if split == Split.TEST else ()
        shown = {name: _cut(getattr(example, name)) for name in field_names(type(example)) if name not in hidden}
        return {"split": split, "language": language, "class": type(example).__name__, "fields": shown}
    if unread is not None:
        raise unread
    return None


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
