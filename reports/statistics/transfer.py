"""Every delta of transfer tables with its interval, from records and the evidence beside them.

Evidence is read of chosen trials alone, and used only where it gives its record's scores again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from reports.cells import BASELINE, Cell, Pair
from reports.frame import TransferTable
from reports.statistics.arms import Arm, arm
from reports.statistics.compare import Comparison, compare
from training.errors import StoreError
from training.evidence import Evidence, read_evidence
from training.record import TrialRecord

Tell = Callable[[str], None]
Found = Mapping[str, Evidence]
"""By target."""


def interval_of_each(
    tables: Sequence[TransferTable], records: Iterable[TrialRecord], folder: Path, tell: Tell
) -> dict[Pair, Comparison]:
    """Each pair's difference from no intermediate task; pairs without a delta, or without any notion of chance, are left out.

    `folder` is the run folder; `tell` hears of evidence that can't be used.
    """
    known = {record.trial: record for record in records}
    read = partial(_evidence, known, folder, tell)
    return {pair: found for table in tables for pair, found in _of_table(table, read)}


def _of_table(table: TransferTable, read: Callable[[str], Found]) -> Iterator[tuple[Pair, Comparison]]:
    for target in table.targets:
        baseline = table.cells.get(BASELINE, {}).get(target)
        if baseline is None or baseline.score is None:
            continue
        other = _arm(baseline, read)
        for name in table.intermediates:
            cell = table.cells[name][target]
            found = compare(_arm(cell, read), other) if cell.delta is not None else None
            if found is not None:
                yield Pair(table.model, name, target), found


def _arm(cell: Cell, read: Callable[[str], Found]) -> Arm:
    evidence = [read(trial).get(cell.target) for trial in cell.trials]
    if cell.fixed:
        return arm(cell.seeds[:1], cell.seed_scores[:1], evidence[:1], sorted(cell.languages), fixed=True)
    return arm(cell.seeds, cell.seed_scores, evidence, sorted(cell.languages))


def _evidence(known: Mapping[str, TrialRecord], folder: Path, tell: Tell, trial: str) -> Found:
    """The first result of each target, as cells have it; nothing where there is none, or none that can be used."""
    try:
        found = read_evidence(folder, known[trial])
    except StoreError as fault:
        tell(str(fault))
        return {}
    return {one.task: one for one in reversed(found)}
