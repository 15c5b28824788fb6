"""Records to cells: what one pair of intermediate and target scored, and at which setting.

* A *pair* is (model, intermediate, target); its *settings* are (study, number), each repeated over seeds.
* Selection rule: of the settings that were run to their end with every seed, the one with the best mean English-dev selection
  score; ties go to the lowest number. Nothing measured on the target's own evaluation data takes part in the choice.
* A trial that early stopping has ended is neither a result nor a failure: its setting was tried, and lost.
* A pair's score is the mean over seeds of the official average (every language, English included) at that setting.

Scores are in percent, deltas in points against the intermediate task `none`.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from training.identity import Role
from training.record import ENGLISH, Selection, Status, TargetResult, TrialRecord

BASELINE = "none"
UNLABELLED = "mlm"
"""The head of tasks whose training data is text without labels."""
GIVEN_UP = "given up"
"""What the reason of a trial says that was given up for faults that are not its own."""
COLLAPSE = -20.0
"""A delta of so many points, or fewer, is flagged as a collapse."""


class Pair(NamedTuple):
    """One cell's coordinates."""

    model: str
    intermediate: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One pair. `score` is None when no setting has every seed yet; `reason` then says why.

    `setting` is the number of the chosen one; `seeds`, `trials`, `seed_scores` and `seed_deltas` go together (`seed_deltas` is
    empty when there is no comparable baseline). `settings_tried` have any record, `settings_complete` one of every seed, and
    `settings_stopped` were ended early. With early stopping (`stopping`) few settings get every seed: its budget is the
    settings tried on the first seed, without those that were given up; else it is those complete. `rungs` holds, for each rung
    of early stopping, the least and the greatest share of the last phase that it may stand for.

    `clean` is the same average by the clean scorer's rules, None where a record was written without it. Standard deviations are
    of the sample, and None below two seeds. `fixed` marks a baseline that trains nothing of its own, so that neither a budget
    nor seeds apply to it. `oracle` says that target-language gold had a part in the score or the choice (a threshold, say);
    `labelled` names the languages besides English whose labelled data the intermediate or target phase saw.
    """

    intermediate: str
    target: str
    score: float | None = None
    score_sd: float | None = None
    non_english: float | None = None
    clean: float | None = None
    languages: Mapping[str, float] = field(default_factory=dict)
    delta: float | None = None
    delta_sd: float | None = None
    setting: int | None = None
    selection: Selection | None = None
    seeds: tuple[int, ...] = ()
    trials: tuple[str, ...] = ()
    seed_scores: tuple[float, ...] = ()
    seed_deltas: tuple[float, ...] = ()
    settings_tried: int = 0
    settings_complete: int = 0
    settings_stopped: int = 0
    settings_expected: int = 0
    stopping: bool = False
    rungs: tuple[tuple[float, float], ...] = ()
    failed: int = 0
    fixed: bool = False
    split: str = ""
    layer: int | None = None
    pooling: str | None = None
    synthetic: bool = False
    oracle: bool = False
    labelled: tuple[str, ...] = ()
    reason: str = ""

    @property
    def collapsed(self) -> bool:
        """Whether the intermediate task all but destroyed the target."""
        return self.delta is not None and self.delta <= COLLAPSE

    @property
    def budget(self) -> int:
        """Settings that count as its tuning budget."""
        return self.settings_tried if self.stopping else self.settings_complete

    @property
    def unequal(self) -> bool:
        """Whether the score was chosen from fewer settings than the others of its target."""
        return self.score is not None and not self.fixed and self.budget < self.settings_expected


def pair_cell(
    intermediate: str, target: str, records: Sequence[TrialRecord], seeds: Sequence[int], *, stopping: bool = False
) -> Cell:
    """The cell of one pair from its records, without its delta.

    `seeds` are those that a setting must have to be chosen; settings are tried with the first. `stopping` says that a setting
    may be stopped early.
    """
    finished = [record for record in records if record.status is Status.FINISHED and result_of(record, target)]
    fixed = bool(finished) and intermediate == BASELINE and all(record.selection is None for record in finished)
    wanted = frozenset(record.seed for record in finished) if fixed else frozenset(seeds)
    settings: dict[tuple[str, int], dict[int, TrialRecord]] = defaultdict(dict)
    for record in finished:
        settings[record.study, record.number][record.seed] = record
    complete = {setting: runs for setting, runs in settings.items() if runs.keys() >= wanted}
    cell = Cell(
        intermediate=intermediate,
        target=target,
        settings_tried=len(_settings(record for record in records if _tries(record, seeds, stopping and not fixed))),
        settings_complete=len(complete),
        settings_stopped=len(_settings(record for record in records if record.status is Status.STOPPED)),
        stopping=stopping,
        rungs=_rungs(records),
        failed=sum(record.status is Status.FAILED for record in records),
        fixed=fixed,
    )
    if not complete:
        return replace(cell, reason=_why_missing(records, settings.values(), wanted))
    number = min(complete, key=lambda setting: (-_choice_score(complete[setting].values()), setting[1], setting[0]))
    return _scored(cell, number[1], [complete[number][seed] for seed in sorted(wanted)])


def gave_up(record: TrialRecord) -> bool:
    """Whether a trial ended for reasons that are not its setting's: it was given up after its workers were lost too often."""
    return record.status is Status.FAILED and GIVEN_UP in record.reason.lower()


def _tries(record: TrialRecord, seeds: Sequence[int], stopping: bool) -> bool:
    """Whether a record says that its setting was tried: with early stopping, on the first seed."""
    return not stopping or (not gave_up(record) and record.seed == seeds[0])


def _settings(records: Iterable[TrialRecord]) -> set[tuple[str, int]]:
    return {(record.study, record.number) for record in records}


def _rungs(records: Iterable[TrialRecord]) -> tuple[tuple[float, float], ...]:
    """For each rung the shares of a phase that, rounded to steps, give the steps at which it was measured."""
    found: dict[int, tuple[float, float]] = {}
    for rung in (rung for record in records for rung in record.rungs):
        least, most = found.get(rung.rung, (0.0, 1.0))
        found[rung.rung] = max(least, (rung.step - 0.5) / rung.steps), min(most, (rung.step + 0.5) / rung.steps)
    return tuple(found[rung] for rung in sorted(found))


def result_of(record: TrialRecord, target: str) -> TargetResult | None:
    """The record's result on `target`: the first, should it have been evaluated at several layers."""
    return next((result for result in record.results if result.task == target), None)


def _choice_score(runs: Iterable[TrialRecord]) -> float:
    """Mean selection score over seeds; a setting without one comes after all that have one."""
    scores = [run.selection.score for run in runs if run.selection is not None]
    return statistics.fmean(scores) if scores else float("-inf")


def _why_missing(records: Sequence[TrialRecord], settings: Iterable[Mapping[int, TrialRecord]], wanted: frozenset[int]) -> str:
    if not records:
        return "no trial yet"
    best = max(settings, key=len, default={})
    if not best:
        return _why_none(records)
    missing = ", ".join(str(seed) for seed in sorted(wanted - best.keys()))
    return f"no setting has every seed yet (seed {missing} missing)"


def _why_none(records: Sequence[TrialRecord]) -> str:
    stopped = sum(record.status is Status.STOPPED for record in records)
    failed = sum(record.status is Status.FAILED for record in records)
    if failed == len(records):
        return "every trial failed"
    if not stopped:
        return "not evaluated"
    return f"no setting was run to its end yet ({stopped} stopped early" + (f", {failed} failed)" if failed else ")")


def _scored(cell: Cell, number: int, runs: Sequence[TrialRecord]) -> Cell:
    results = [result for run in runs if (result := result_of(run, cell.target))]
    scores = tuple(result.mean for result in results)
    non_english = [result.mean_non_english for result in results if result.mean_non_english is not None]
    shared = sorted(set.intersection(*(set(result.languages) for result in results)))
    return replace(
        cell,
        score=statistics.fmean(scores),
        score_sd=spread(scores),
        non_english=statistics.fmean(non_english) if len(non_english) == len(results) else None,
        clean=_clean(results),
        languages={code: statistics.fmean(result.languages[code]["score"] for result in results) for code in shared},
        setting=number,
        selection=runs[0].selection,
        seeds=tuple(run.seed for run in runs),
        trials=tuple(run.trial for run in runs),
        seed_scores=scores,
        split=results[0].split,
        layer=results[0].layer,
        pooling=results[0].pooling,
        synthetic=any(result.synthetic for result in results),
        oracle=any(result.oracle for result in results)
        or any(run.selection is not None and run.selection.oracle for run in runs),
        labelled=_labelled(runs),
    )


def _labelled(runs: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Languages besides English of labelled training data: text for masked language modelling has no labels."""
    phases = [trace.identity for run in runs for trace in run.phases if trace.identity.role is not Role.PRETRAIN]
    uses = [use for phase in phases for use in phase.tasks if use.head != UNLABELLED]
    return tuple(sorted({language for use in uses for language in use.languages} - {ENGLISH}))


def _clean(results: Sequence[TargetResult]) -> float | None:
    by_seed = [[scores.get("clean") for scores in result.languages.values()] for result in results]
    means = [
        statistics.fmean(known) for found in by_seed if (known := [value for value in found if value is not None]) == found
    ]
    return statistics.fmean(means) if means and len(means) == len(results) else None


def with_delta(cell: Cell, baseline: Cell | None) -> Cell:
    """The cell with its distance from the baseline: seed by seed where both have the same seeds, or the baseline is fixed."""
    if baseline is None or baseline.score is None or cell.score is None or cell.intermediate == BASELINE:
        return cell
    deltas: tuple[float, ...] = ()
    if cell.seeds == baseline.seeds:
        deltas = tuple(mine - other for mine, other in zip(cell.seed_scores, baseline.seed_scores, strict=True))
    elif baseline.fixed:
        deltas = tuple(mine - baseline.score for mine in cell.seed_scores)
    return replace(cell, delta=cell.score - baseline.score, delta_sd=spread(deltas), seed_deltas=deltas)


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample, None below two values."""
    return statistics.stdev(values) if len(values) >= 2 else None
