"""What a page is made from, and what several sections ask of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from reports.cells import BASELINE, Cell, Pair
from reports.frame import TransferTable
from reports.studies.design import Design
from training.record import TrialRecord

if TYPE_CHECKING:  # scipy takes a second to load
    from reports.claims.verdicts import Verdict as ClaimVerdict
    from reports.ranking.judging import Signals
    from reports.statistics.averages import AverageDelta
    from reports.statistics.compare import Comparison
    from reports.statistics.curse import Curse
    from reports.statistics.effects import Effect
    from reports.studies.finding import Finding

SIGNIFICANT = 0.05
"""Adjusted p-values below this leave a gain a gain."""
FEW = 20
"""Settings run to their end below which no importance is computed."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """Of a study's hyperparameters: shares that add up to 1 (empty where there were too few `settings` run to their end)."""

    settings: int
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known of a sweep when its page is made.

    `intervals` has the pairs whose chance is known. `trials` is how many the plan foresees at most (0: not known), `waiting`
    how many wait at a rung. `unit` names what a trial's hours are counted in, `shares` how many of them an hour of a trial
    of a study is. `importances` is by study. `damaged` says, a line each, what could not be read.

    `adjusted` holds p-values that are adjusted for all comparisons of a model, and `adjustment` says how. `average_spans` holds
    intervals of average differences by model, intermediate task, and whether retrieval is among the targets. Both may be empty.

    `discovery` holds p-values adjusted for the rate of false discoveries; `averages`, `effects`, `curses` and `claims` are what
    `reports.statistics` and `reports.claims` make of the same records. They may be empty, too. `signals` are those of rankings,
    `design` is what the grid varies where it asks one of the questions of `reports.studies`, `finding` what its analysis says.
    """

    grid: str
    tables: Sequence[TransferTable]
    records: Sequence[TrialRecord]
    intervals: Mapping[Pair, Comparison] = field(default_factory=dict)
    trials: int = 0
    waiting: int = 0
    unit: str = "hours"
    shares: Mapping[str, float] = field(default_factory=dict)
    importances: Mapping[str, Importance] = field(default_factory=dict)
    damaged: Sequence[str] = ()
    adjusted: Mapping[Pair, float] = field(default_factory=dict)
    adjustment: str = ""
    average_spans: Mapping[tuple[str, str, bool], tuple[float, float]] = field(default_factory=dict)
    discovery: Mapping[Pair, float] = field(default_factory=dict)
    averages: Sequence[AverageDelta] = ()
    effects: Sequence[Effect] = ()
    curses: Sequence[Curse] = ()
    claims: Sequence[ClaimVerdict] = ()
    signals: Sequence[Signals] = ()
    design: Design | None = None
    finding: Finding | None = None

    @cached_property
    def of_pair(self) -> Mapping[Pair, Sequence[TrialRecord]]:
        """The trials of each pair, by setting and seed."""
        found: dict[Pair, list[TrialRecord]] = defaultdict(list)
        for record in sorted(self.records, key=lambda one: (one.study, one.number, one.seed, one.trial)):
            for target in record.targets:
                found[Pair(record.model, record.intermediate, target)].append(record)
        return found

    @cached_property
    def by_trial(self) -> Mapping[str, TrialRecord]:
        """Records by the name of their trial."""
        return {record.trial: record for record in self.records}

    def hours(self, record: TrialRecord, seconds: float) -> float:
        """Seconds of a trial in the unit in which hours are counted."""
        return seconds * self.shares.get(record.study, 1.0) / 3600.0


class Verdict(StrEnum):
    """What the interval of a delta says."""

    HELPS = "helps"
    HURTS = "hurts"
    UNDECIDED = "undecided"
    UNKNOWN = "no interval"
    MISSING = "not complete"
    BASELINE = "baseline"


def verdict_of(cell: Cell, interval: Comparison | None) -> Verdict:
    """Whether the interval leaves 0 out, and on which side."""
    if cell.intermediate == BASELINE:
        return Verdict.BASELINE if cell.score is not None else Verdict.MISSING
    if cell.delta is None:
        return Verdict.MISSING
    if interval is None:
        return Verdict.UNKNOWN
    if interval.low > 0.0:
        return Verdict.HELPS
    return Verdict.HURTS if interval.high < 0.0 else Verdict.UNDECIDED


def fails_adjusted(facts: Facts, pair: Pair, verdict: Verdict) -> bool:
    """Whether a gain or loss is no longer one once p-values are adjusted for all comparisons."""
    return verdict in (Verdict.HELPS, Verdict.HURTS) and facts.adjusted.get(pair, 0.0) >= SIGNIFICANT


def progress_of(cell: Cell) -> str:
    """How far the tuning of a pair is: `3 of 6 settings yet`; empty where it is through."""
    if cell.fixed or not cell.settings_expected:
        return ""
    done = cell.settings_tried if cell.stopping else cell.settings_complete
    return f"{done} of {cell.settings_expected} settings yet" if done < cell.settings_expected or cell.score is None else ""
