"""Rankings: the order that each measure gives, and how far that order would have led astray on what has been run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

from reports.cells import BASELINE
from reports.frame import TransferTable
from reports.ranking.regret import chance_regret, rank_correlation, regret

AT = (1, 3)
"""How many tasks would be tried, for regret."""
MEANS = {
    "logme": "evidence of a Bayesian linear model on the target's labels, states of the intermediate phase (arXiv 2102.11005)",
    "h_score": "spread of those states between labels, with a shrunk covariance (arXiv 2110.06893)",
    "probe": "accuracy of a logistic regression on them over five folds",
    "similarity": "cosine of the mean states of both tasks' texts, phase 0 (arXiv 2005.00770)",
    "task_vector": "cosine of what the intermediate phase and the target's own phase change in the weights (arXiv 2210.11705)",
    "size": "examples of the intermediate task: the ranking to beat",
}


@dataclass(kw_only=True)
class Signals:
    """Of one target and one model: `values[measure][intermediate]`, why others have none, and what it took in seconds.

    `made_of` is a digest of what model and intermediate setting were then: a grid may mean something else by a name since.
    """

    model: str
    target: str
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    examples: int = 0
    made_of: dict[str, str] = field(default_factory=dict)

    def add(self, measure: str, intermediate: str, value: float) -> None:
        """Keep one value; of one that is no number, that there is none."""
        if not math.isfinite(value):
            self.missing[f"{measure} of {intermediate}"] = f"it is not a number ({value})"
            return
        self.values.setdefault(measure, {})[intermediate] = value


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A measure against the finished pairs: regret in percent of the best score by k, what chance gives, and Spearman's rho."""

    measure: str
    regret: Mapping[int, float]
    chance: Mapping[int, float]
    correlation: float | None
    tasks: int


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Of a target: intermediate tasks by measure, the best first, and each measure's judgement where the grid is finished."""

    signals: Signals
    orders: Mapping[str, Sequence[str]]
    judged: Sequence[Judged] = field(default_factory=tuple)

    def payload(self) -> dict[str, Any]:
        """All of it, for a program."""
        found = self.signals
        orders = {measure: list(order) for measure, order in self.orders.items()}
        return {**asdict(found), "orders": orders, "judged": [asdict(one) for one in self.judged]}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A measure over the targets on which it could be judged: means of what `Judged` has, and how many targets they are of."""

    measure: str
    targets: int
    regret: Mapping[int, float]
    chance: Mapping[int, float]
    correlation: float | None


def summaries(rankings: Iterable[Ranking]) -> list[Summary]:
    """A summary for each measure that was judged on two targets or more, the measures in the order in which they come.

    Regret at `k` is averaged over the targets that have it, and chance over the same ones.
    """
    found: dict[str, list[Judged]] = {}
    for one in rankings:
        for judged in one.judged:
            found.setdefault(judged.measure, []).append(judged)
    return [_summary(measure, judged) for measure, judged in found.items() if len(judged) > 1]


def _summary(measure: str, judged: Sequence[Judged]) -> Summary:
    at = [k for k in AT if any(k in one.regret for one in judged)]
    known = [one.correlation for one in judged if one.correlation is not None]
    return Summary(
        measure=measure,
        targets=len(judged),
        regret={k: fmean(one.regret[k] for one in judged if k in one.regret) for k in at},
        chance={k: fmean(one.chance[k] for one in judged if k in one.chance) for k in at},
        correlation=fmean(known) if known else None,
    )


def ranking(signals: Signals, table: TransferTable | None) -> Ranking:
    """The orders that signals give; judged by the scores of a transfer table, where it has two of the tasks at least."""
    orders = {
        measure: sorted((name for name in values if name != BASELINE), key=lambda name: -values[name])
        for measure, values in signals.values.items()
    }
    scores = _scores(signals.target, table)
    judged = [_judged(measure, order, signals.values[measure], scores) for measure, order in orders.items()]
    return Ranking(signals=signals, orders=orders, judged=[one for one in judged if one is not None])


def _scores(target: str, table: TransferTable | None) -> dict[str, float]:
    if table is None or target not in table.targets:
        return {}
    cells = {name: table.cells[name][target] for name in table.intermediates if name != BASELINE}
    return {name: cell.score for name, cell in cells.items() if cell.score is not None}


def _judged(measure: str, order: Sequence[str], values: Mapping[str, float], scores: Mapping[str, float]) -> Judged | None:
    """Over the tasks that have both a value and a score; None below two of them."""
    shared = {name: scores[name] for name in order if name in scores}
    if len(shared) < 2:
        return None
    at = [k for k in AT if k < len(shared)]
    return Judged(
        measure=measure,
        regret={k: regret(order, shared, k) for k in at},
        chance={k: chance_regret(shared, k) for k in at},
        correlation=rank_correlation({name: values[name] for name in shared}, shared),
        tasks=len(shared),
    )
