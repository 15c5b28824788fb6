"""Every delta of transfer tables with its interval, from records and the evidence beside them.

Evidence is read of chosen trials alone, and used only where it gives its record's scores again.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reports.cells import BASELINE, Cell, Pair, result_of
from reports.frame import TransferTable
from reports.statistics.arms import Arm, arm, averaged
from reports.statistics.compare import Comparison, compare
from training.errors import StoreError
from training.evidence import Evidence, read_evidence
from training.record import TrialRecord

Tell = Callable[[str], None]
Found = Mapping[str, Evidence]
"""By target."""


class Arms:
    """The arms of a run folder's cells, each read when it is first asked for.

    `folder` is the run folder; `tell` hears of evidence that can't be used, once a trial.
    """

    def __init__(self, records: Iterable[TrialRecord], folder: Path, tell: Tell) -> None:
        self._known = {record.trial: record for record in records}
        self._folder, self._tell = folder, tell
        self._evidence: dict[str, Found] = {}
        self._arms: dict[tuple[str, tuple[str, ...]], Arm] = {}
        self._means: dict[tuple[tuple[str, tuple[str, ...]], ...], Arm] = {}

    def of(self, cell: Cell) -> Arm:
        """The arm of a cell that has a score."""
        name = (cell.target, cell.trials)
        if name not in self._arms:
            self._arms[name] = self._read(cell)
        return self._arms[name]

    def part(self, cell: Cell, languages: Sequence[str]) -> Arm:
        """The arm of a cell over some of its languages; all of them are as in `of`."""
        if set(languages) == set(cell.languages):
            return self.of(cell)
        count = 1 if cell.fixed else len(cell.trials)
        trials = cell.trials[:count]
        scores = [self._mean_over(trial, cell.target, languages) for trial in trials]
        evidence = [self._of_trial(trial).get(cell.target) for trial in trials]
        return arm(cell.seeds[:count], scores, evidence, sorted(languages), fixed=cell.fixed)

    def _mean_over(self, trial: str, target: str, languages: Sequence[str]) -> float:
        found = result_of(self._known[trial], target)
        assert found is not None, "a chosen trial has a result"
        return statistics.fmean(found.languages[code]["score"] for code in languages)

    def mean_of(self, cells: Sequence[Cell]) -> Arm:
        """The mean over the targets of cells that have scores; raises ValueError where they have other seeds."""
        names = tuple((cell.target, cell.trials) for cell in cells)
        if names not in self._means:
            self._means[names] = averaged([self.of(cell) for cell in cells])
        return self._means[names]

    def _read(self, cell: Cell) -> Arm:
        evidence = [self._of_trial(trial).get(cell.target) for trial in cell.trials]
        if cell.fixed:
            return arm(cell.seeds[:1], cell.seed_scores[:1], evidence[:1], sorted(cell.languages), fixed=True)
        return arm(cell.seeds, cell.seed_scores, evidence, sorted(cell.languages))

    def _of_trial(self, trial: str) -> Found:
        """The first result of each target, as cells have it; nothing where there is none, or none that can be used."""
        if trial not in self._evidence:
            try:
                found = read_evidence(self._folder, self._known[trial])
            except StoreError as fault:
                self._tell(str(fault))
                found = ()
            self._evidence[trial] = {one.task: one for one in reversed(found)}
        return self._evidence[trial]


def interval_of_each(
    tables: Sequence[TransferTable], records: Iterable[TrialRecord], folder: Path, tell: Tell
) -> dict[Pair, Comparison]:
    """Each pair's difference from no intermediate task; pairs without a delta, or without any notion of chance, are left out.

    `folder` is the run folder; `tell` hears of evidence that can't be used.
    """
    return interval_of_arms(tables, Arms(records, folder, tell))


def interval_of_arms(tables: Sequence[TransferTable], arms: Arms) -> dict[Pair, Comparison]:
    """`interval_of_each` where the arms are at hand."""
    return {pair: found for table in tables for pair, found in _of_table(table, arms)}


def _of_table(table: TransferTable, arms: Arms) -> Iterator[tuple[Pair, Comparison]]:
    for target in table.targets:
        baseline = table.cells.get(BASELINE, {}).get(target)
        if baseline is None or baseline.score is None:
            continue
        other = arms.of(baseline)
        for name in table.intermediates:
            cell = table.cells[name][target]
            found = compare(arms.of(cell), other) if cell.delta is not None else None
            if found is not None:
                yield Pair(table.model, name, target), found
