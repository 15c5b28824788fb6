"""Checks between files: a task's splits against each other, and its English data against the task it trains on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from training.data.loading import DataSource, data_digest, load
from training.data.manifest import Finding, SplitEntry
from training.data.quality import check_leakage, check_training_task
from training.data.statistics import Fingerprints, fingerprints, row_texts
from training.errors import UserError
from training.record import ENGLISH
from training.tasks.row import Split, TaskRow


def across(
    row: TaskRow, data: Path, entries: Mapping[tuple[str, str], SplitEntry], prints: Mapping[tuple[str, str], Fingerprints]
) -> Iterator[Finding]:
    """Findings between the files of a task, and between its English data and that of the task it trains on.

    `prints` holds the fingerprints at hand; those of other entries are computed from their files.
    """
    if row.synthetic:
        return
    compared = [key for key in entries if _is_compared(key, entries)]
    own = {key: prints[key] if key in prints else _prints(row, data, *key) for key in compared}
    yield from check_leakage(own)
    if not row.train_on:
        return
    # Here and not above: the rows of the mini world bring torch with them, which no worker process needs.
    from training.tasks.registry import ROWS

    training = ROWS.get(row.train_on)
    if training is not None and not training.synthetic:
        others = {(split, ENGLISH): _prints(training, data, split, ENGLISH) for split in (Split.TRAIN, Split.DEV)}
        yield from check_training_task(own, {key: found for key, found in others.items() if len(found)}, training.name)


def _is_compared(key: tuple[str, str], entries: Mapping[tuple[str, str], SplitEntry]) -> bool:
    """Whether a split has something to be compared with: English, or another split in its language."""
    return key[1] == ENGLISH or sum(language == key[1] for _, language in entries) > 1


_KNOWN: dict[str, Fingerprints] = {}


def _prints(row: TaskRow, data: Path, split: str, language: str) -> Fingerprints:
    """Fingerprints of a split, none when it is not there or does not read; several targets may train on one task."""
    source = DataSource(row=row, root=data)
    try:
        key = data_digest(source, split, [language])
        if key not in _KNOWN:
            _KNOWN[key] = fingerprints(list(row_texts(load(source, split, language))))
        return _KNOWN[key]
    except UserError:
        return fingerprints([])
