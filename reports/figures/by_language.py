"""The difference that an intermediate task makes in each language of a target, with its interval where chance is known.

An interval follows from the chosen trials' scores and evidence in that language alone, by the same model as a whole pair's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from reports.cells import BASELINE, Cell, Pair, result_of
from reports.frame import TransferTable
from reports.statistics.arms import Arm, arm
from reports.statistics.compare import Comparison, compare
from training.errors import StoreError
from training.evidence import Evidence, read_evidence
from training.record import TrialRecord

Tell = Callable[[str], None]
PerLanguage = Mapping[tuple[Pair, str], Comparison]
"""By pair and language."""
_Kept = dict[str, dict[str, Evidence]]


def language_intervals(
    tables: Sequence[TransferTable], records: Iterable[TrialRecord], folder: Path, tell: Tell = lambda line: None
) -> PerLanguage:
    """Each pair's difference from no intermediate task in each language, in points.

    A language that either side has no score for, or of which nothing is known about chance, is left out. `folder` is the run
    folder; `tell` hears of evidence that can't be used.
    """
    reader = _Reader({record.trial: record for record in records}, folder, tell)
    return {key: found for table in tables for key, found in _of_table(table, reader)}


def _of_table(table: TransferTable, reader: _Reader) -> Iterator[tuple[tuple[Pair, str], Comparison]]:
    for target in table.targets:
        baseline = table.cells.get(BASELINE, {}).get(target)
        if baseline is None or baseline.score is None:
            continue
        for name in table.intermediates:
            cell = table.cells[name][target]
            if cell.delta is None:
                continue
            for language in sorted(set(cell.languages) & set(baseline.languages)):
                found = compare(reader.arm(cell, language), reader.arm(baseline, language))
                if found is not None:
                    yield (Pair(table.model, name, target), language), found


class _Reader:
    """Arms of one language; evidence of a trial is read once."""

    def __init__(self, known: Mapping[str, TrialRecord], folder: Path, tell: Tell) -> None:
        self._known, self._folder, self._tell = known, folder, tell
        self._kept: _Kept = {}

    def arm(self, cell: Cell, language: str) -> Arm:
        trials = cell.trials[:1] if cell.fixed else cell.trials
        scores = [self._score(trial, cell.target, language) for trial in trials]
        evidence = [self._evidence(trial).get(cell.target) for trial in trials]
        return arm(cell.seeds[: len(trials)], scores, evidence, [language], fixed=cell.fixed)

    def _score(self, trial: str, target: str, language: str) -> float:
        found = result_of(self._known[trial], target)
        assert found is not None, "a chosen trial has a result"
        return found.languages[language]["score"]

    def _evidence(self, trial: str) -> dict[str, Evidence]:
        if trial not in self._kept:
            try:
                found = list(read_evidence(self._folder, self._known[trial]))
            except StoreError as fault:
                self._tell(str(fault))
                found = []
            self._kept[trial] = {one.task: one for one in reversed(found)}
        return self._kept[trial]
