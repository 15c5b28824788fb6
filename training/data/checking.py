"""Looking at data without handing it out: whether splits can be read, and an example with its gold left out.

The floors above get counts and texts from here, never examples: what chooses among trials cannot see the gold of a test set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.data.loading import DataSource, load, stream
from training.data.statistics import field_names
from training.data.units import wanted
from training.errors import Faults, UserError
from training.tasks.row import Split, TaskRow

LONGEST = 300
GOLD = ("label", "tags", "answers", "gold", "entity")
"""Fields of examples that hold gold."""
Needed = tuple[str, str, Split, tuple[str, ...]]
"""A key, a task, a split and the languages that are needed of it."""


def count_examples(needed: Iterable[Needed], sources: Mapping[str, DataSource], subject: str) -> dict[str, int]:
    """Read every split; returns examples by key, raises `Faults` on `subject` listing what is wrong in all of the files."""
    faults: list[UserError] = []
    counts: dict[str, int] = {}
    for key, task, split, languages in needed:
        for language in languages:
            try:
                counts[key] = counts.get(key, 0) + sum(1 for _ in stream(sources[task], split, language))
            except Faults as found:
                faults += found.faults
            except UserError as fault:
                faults.append(fault)
    if faults:
        # A train file that a dev split is carved from is read twice: its faults are told once.
        raise Faults(subject, list({str(fault): fault for fault in faults}.values()))
    return counts


def first_example(row: TaskRow, data: Path) -> dict[str, Any] | None:
    """Split, language, class and fields (as text) of the first example that can be read; of a test example without its gold."""
    for split, language in wanted(row):
        try:
            example = load(DataSource(row=row, root=data), split, language)[0]
        except UserError:
            continue
        hidden = GOLD if split == Split.TEST else ()
        shown = {name: _cut(getattr(example, name)) for name in field_names(type(example)) if name not in hidden}
        return {"split": split, "language": language, "class": type(example).__name__, "fields": shown}
    return None


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
