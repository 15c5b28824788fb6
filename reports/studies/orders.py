"""The settings of a study of diversity: random orders of tasks at a budget, and single tasks with more data."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.arms import Floats
from reports.statistics.compare import Part
from reports.studies.design import IntermediateFacts
from reports.studies.finding import Estimate
from reports.studies.sheet import Point, Weights, spread_part
from reports.studies.view import NO_CHANCE, NOTHING, View, mean_of


@dataclass(frozen=True)
class Ladder:
    """One model at one budget: order to number of tasks to setting, at the `counts` that all orders have."""

    model: str
    budget: int
    orders: Mapping[str, Mapping[int, str]]
    counts: tuple[int, ...]

    @property
    def label(self) -> str:
        """How estimates of it are named."""
        return f"{self.model}, {self.size}"

    @property
    def size(self) -> str:
        """Its budget in words."""
        return f"{self.budget:,} examples" if self.budget else "all examples"

    def weights(self, over_counts: Sequence[float]) -> Weights:
        """A weighted sum over numbers of tasks, averaged over orders."""
        return mean_of([self.of_order(order, over_counts) for order in self.orders])

    def of_order(self, order: str, over_counts: Sequence[float]) -> Weights:
        """The same of one order."""
        names = (self.orders[order][count] for count in self.counts)
        return {Point(self.model, name): weight for name, weight in zip(names, over_counts, strict=True)}


@dataclass(frozen=True)
class Single:
    """The best single task of a budget: its settings by size, and what it was chosen by."""

    task: str
    sizes: Mapping[int, str]
    chosen_by: str


def budget_of(facts: IntermediateFacts) -> int:
    """The budget that the grid asked for, else how many examples there are."""
    return facts.budget or facts.examples


def ladders_of(view: View) -> list[Ladder]:
    """Every model and budget with a series of two numbers of tasks or more."""
    found = []
    for model in view.models:
        rungs: dict[int, dict[str, dict[int, str]]] = {}
        for facts in view.settings(model.name):
            if facts.series and facts.tasks:
                rungs.setdefault(budget_of(facts), {}).setdefault(facts.series, {})[len(facts.tasks)] = facts.name
        for budget, series in sorted(rungs.items()):
            orders = {name: counts for name, counts in series.items() if len(counts) > 1}
            shared = sorted(set.intersection(*map(set, orders.values()))) if orders else []
            if len(shared) > 1:
                found.append(Ladder(model.name, budget, orders, tuple(shared)))
    return found


def parts_of(view: View) -> dict[str, list[str]]:
    """Order to its settings of several tasks: left out one at a time."""
    found: dict[str, list[str]] = {}
    for facts in view.design.intermediates.values():
        if facts.series and len(facts.tasks) > 1:
            found.setdefault(f"series {facts.series}", []).append(facts.name)
    return found


def estimate_of(
    view: View, name: str, ladder: Ladder, over_counts: Sequence[float], *, scope: tuple[str, Sequence[str]], unit: str
) -> Estimate:
    """A weighted sum over numbers of tasks; with several orders they count as drawn at random, beside seeds and items."""
    weights = ladder.weights(over_counts)
    more = order_part(view, [ladder.of_order(order, over_counts) for order in ladder.orders], scope[1])
    found = view.weighted(weights, scope[1], more) if weights else None
    return Estimate(name=name, over=scope[0], unit=unit, found=found, why="" if found else NO_CHANCE if weights else NOTHING)


def order_part(view: View, weights: Sequence[Weights], targets: Sequence[str]) -> list[Part]:
    """What orders add to the variance of their mean; nothing of one order, or where all of them are the same."""
    distinct = {tuple(sorted(one.items())) for one in weights}
    if len(distinct) < 2:
        return []
    return [spread_part(values_of(view, weights, targets))]


def values_of(view: View, weights: Sequence[Weights], targets: Sequence[str]) -> Floats:
    """The weighted sums at every seed: [seeds, sums]."""
    return np.stack([view.sheet.by_seed(one, targets or view.targets) for one in weights], axis=1)


def best_single(view: View, model: str, budget: int) -> Single | None:
    """The single task of this budget that English dev likes best, averaged over targets with a dev set of their own.

    Where no English dev score is known, the best by the scores themselves, which flatters it.
    """
    singles = _singles(view, model)
    there = {task: sizes for task, sizes in singles.items() if budget in sizes}
    if not there:
        return None
    dev = {task: _dev_score(view, Point(model, sizes[budget])) for task, sizes in there.items()}
    known = {task: score for task, score in dev.items() if score is not None}
    if len(known) == len(there):
        task, how = max(known, key=lambda name: known[name]), "English dev"
    else:
        task, how = max(there, key=lambda name: view.score(Point(model, there[name][budget]))), "the test scores themselves"
    return Single(task, dict(sorted(there[task].items())), how)


def single_budgets(view: View, model: str) -> list[int]:
    """The budgets at which a model was trained on single tasks."""
    return sorted({budget for sizes in _singles(view, model).values() for budget in sizes})


def _singles(view: View, model: str) -> dict[str, dict[int, str]]:
    """Single task to budget to setting."""
    singles: dict[str, dict[int, str]] = {}
    for facts in view.settings(model):
        if len(facts.tasks) == 1:
            singles.setdefault(facts.tasks[0], {}).setdefault(budget_of(facts), facts.name)
    return singles


def _dev_score(view: View, point: Point) -> float | None:
    cells = [view.cell(point, target) for target in view.targets if target not in view.retrieval]
    scores = [cell.selection.score for cell in cells if cell.selection is not None and not cell.selection.oracle]
    return statistics.fmean(scores) if scores and len(scores) == len(cells) else None
