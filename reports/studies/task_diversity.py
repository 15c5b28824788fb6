"""Whether more diverse intermediate tasks give diminishing returns, against more data of the single best task.

At a fixed budget of examples, tasks are added in random orders (a series each). Three questions are asked of every budget:
does a further task help on average, does each help less than the one before, and do all of them beat the single best task
with as much data, and with more. Orders count as drawn at random, beside seeds and test items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from reports.cells import BASELINE
from reports.numbers import amount, several
from reports.studies.analysis import Analysis
from reports.studies.curves import bend_weights, slope_weights
from reports.studies.dataset_size import gains_of
from reports.studies.finding import Detail, Estimate, Plot, Spot, Strand
from reports.studies.orders import (
    Ladder,
    Single,
    best_single,
    budget_of,
    estimate_of,
    ladders_of,
    order_part,
    parts_of,
    single_budgets,
    values_of,
)
from reports.studies.returns import LEAST_COUNTS, returns_of, shape_of
from reports.studies.says import find, ruled, sized
from reports.studies.sheet import Point
from reports.studies.view import NO_CHANCE, View, added, gain, mean_of

PER_TASK = "points per task"


def _slope(ladder: Ladder) -> str:
    return f"a further task, {ladder.label}"


def _bend(ladder: Ladder) -> str:
    return f"the first step minus the last, {ladder.label}"


def _equal(ladder: Ladder) -> str:
    return f"most tasks minus the best single one, {ladder.label}"


def _more(ladder: Ladder) -> str:
    return f"most tasks minus the best single one with more data, {ladder.label}"


def headline(view: View) -> list[Estimate]:
    """Slope, bend and the two comparisons with the best single task, at every budget of every model."""
    found = []
    for scope in view.scopes:
        for ladder in ladders_of(view):
            slope = slope_weights(ladder.counts)
            found.append(estimate_of(view, _slope(ladder), ladder, slope, scope=scope, unit=PER_TASK))
            if len(ladder.counts) > 2:
                bend = bend_weights(ladder.counts)
                found.append(estimate_of(view, _bend(ladder), ladder, bend, scope=scope, unit=PER_TASK))
            found += _against_single(view, ladder, scope)
    return found


def _rivals(view: View, ladder: Ladder) -> Iterator[tuple[str, Single, int]]:
    """(name of the comparison, the best single task, its examples): with as much data, and with the most that there is."""
    equal = best_single(view, ladder.model, ladder.budget)
    if equal is not None:
        yield _equal(ladder), equal, ladder.budget
    larger = [budget for budget in single_budgets(view, ladder.model) if budget > ladder.budget > 0]
    more = best_single(view, ladder.model, max(larger)) if larger else None
    if more is not None:
        yield _more(ladder), more, max(larger)


def _against_single(view: View, ladder: Ladder, scope: tuple[str, Sequence[str]]) -> Iterator[Estimate]:
    most = [float(count == ladder.counts[-1]) for count in ladder.counts]
    for name, single, size in _rivals(view, ladder):
        rival = {Point(ladder.model, single.sizes[size]): 1.0}
        each = [added((1.0, ladder.of_order(order, most)), (-1.0, rival)) for order in ladder.orders]
        found = view.weighted(mean_of(each), scope[1], order_part(view, each, scope[1]))
        yield Estimate(name=name, over=scope[0], found=found, why="" if found else NO_CHANCE)


def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
    """For each budget: whether tasks help, whether returns diminish, and against more data of one task."""
    ladders = ladders_of(view)
    if not ladders:
        yield "Not decidable: no order of tasks is complete at two numbers of tasks of one budget."
    for ladder in ladders:
        slope, bend = find(estimates, _slope(ladder)), find(estimates, _bend(ladder))
        where = f"At {ladder.size} ({ladder.model})"
        if slope is not None:
            yield ruled(
                slope,
                f"{where}, a further task helps",
                f"{where}, a further task hurts",
                f"{where}, whether a further task helps is undecided",
            )
        if bend is not None:
            yield ruled(
                bend,
                f"{where}, returns diminish",
                f"{where}, returns grow",
                f"{where}, a straight line fits as well, so whether returns diminish is undecided",
            )
        yield from _of_single(view, ladder, estimates)


def _of_single(view: View, ladder: Ladder, estimates: Sequence[Estimate]) -> Iterator[str]:
    for name, single, size in _rivals(view, ladder):
        one = find(estimates, name)
        if one is not None:
            how = "as many examples" if size == ladder.budget else f"{amount(size / ladder.budget)} times the examples"
            tasks = f"At {ladder.size} ({ladder.model}), {several(ladder.counts[-1], 'task')}"
            rival = f"{single.task} with {how}, the best single one by {single.chosen_by}"
            yield ruled(one, f"{tasks} beat {rival}", f"{tasks} fall behind {rival}", f"{tasks} against {rival}: undecided")


def details(view: View) -> Iterator[Detail]:
    """The gain at every number of tasks, of each budget; and of single tasks at every size."""
    scope = view.scopes[0]
    for ladder in ladders_of(view):
        yield Detail(
            title=f"Gain by number of tasks, {ladder.label}, mean over {several(len(ladder.orders), 'order')}",
            estimates=tuple(_at(view, ladder, count, scope) for count in ladder.counts),
        )
    singles = [
        view.estimate(f"{facts.name} ({model.name})", gain(model.name, [facts.name]), scope=scope)
        for model in view.models
        for facts in view.settings(model.name)
        if len(facts.tasks) == 1
    ]
    yield Detail(title="Gain of single tasks", estimates=tuple(singles))


def _at(view: View, ladder: Ladder, count: int, scope: tuple[str, Sequence[str]]) -> Estimate:
    each = [gain(ladder.model, [order[count]]) for order in ladder.orders.values()]
    found = view.weighted(mean_of(each), scope[1], order_part(view, each, scope[1]))
    return Estimate(name=several(count, "task"), over=scope[0], found=found, why="" if found else NO_CHANCE)


def plots(view: View) -> Iterator[Plot]:
    """Gain against the number of tasks, and of the best single task against its examples."""
    ladders = ladders_of(view)
    if ladders:
        strands = tuple(_strand(view, ladder) for ladder in ladders)
        yield Plot(title="Gain against the number of tasks", x="tasks", y="points over none", strands=strands)
    for model in dict.fromkeys(ladder.model for ladder in ladders):
        mine = [ladder for ladder in ladders if ladder.model == model]
        budgets = single_budgets(view, model)
        single = best_single(view, model, max(budgets)) if budgets else None
        if single is not None and min(single.sizes) > 0:
            yield _data_against_tasks(view, mine, single.task, single.sizes)


def _strand(view: View, ladder: Ladder) -> Strand:
    spots = tuple(_spot(view, ladder, count, float(count)) for count in ladder.counts)
    y = np.array([spot.y for spot in spots])
    shape = shape_of(np.array(ladder.counts, dtype=np.float64), y)
    places = np.linspace(ladder.counts[0], ladder.counts[-1], 33)
    return Strand(name=ladder.label, spots=spots, line=tuple((float(at), shape.at(float(at))) for at in places))


def _data_against_tasks(view: View, ladders: Sequence[Ladder], task: str, sizes: Mapping[int, str]) -> Plot:
    model = ladders[0].model
    found = [(size, view.weighted(gain(model, [name]))) for size, name in sizes.items()]
    heights = gains_of(view, model, sizes)
    one = tuple(
        Spot(float(size), float(y), each.low if each else None, each.high if each else None)
        for (size, each), y in zip(found, heights, strict=True)
    )
    most = tuple(_spot(view, ladder, ladder.counts[-1], float(ladder.budget)) for ladder in ladders if ladder.budget)
    strands = (
        Strand(name=f"{task} alone", spots=one, line=tuple((spot.x, spot.y) for spot in one)),
        Strand(name="most tasks", spots=most, line=tuple((spot.x, spot.y) for spot in most)),
    )
    return Plot(
        title=f"More data of one task against more tasks, {model}",
        x="examples",
        y="points over none",
        strands=strands,
        log=True,
    )


def _spot(view: View, ladder: Ladder, count: int, x: float) -> Spot:
    """The gain at a number of tasks; its height alone where nothing is known of chance."""
    found = _at(view, ladder, count, view.scopes[0]).found
    if found is not None:
        return Spot(x, found.delta, found.low, found.high)
    gains = values_of(view, [gain(ladder.model, [order[count]]) for order in ladder.orders.values()], view.targets)
    return Spot(x, float(gains.mean()))


def varied(view: View) -> Iterator[tuple[str, str]]:
    """Budgets, numbers of tasks and orders."""
    for ladder in ladders_of(view):
        yield f"tasks, {ladder.label}", f"{', '.join(map(str, ladder.counts))} in {several(len(ladder.orders), 'order')}"
        single = best_single(view, ladder.model, ladder.budget)
        if single is not None:
            sizes = ", ".join(f"{size:,}" for size in single.sizes)
            yield f"best single task, {ladder.label}", f"{single.task} (by {single.chosen_by}), with {sizes} examples"


def _notes(view: View) -> Iterator[str]:
    for ladder in ladders_of(view):
        if len(ladder.orders) == 1:
            yield f"{ladder.label}: one order of tasks, so what another order would give is not in the intervals."
        if len(ladder.counts) < LEAST_COUNTS:
            yield f"{ladder.label}: {several(len(ladder.counts), 'number')} of tasks; where a line breaks takes {LEAST_COUNTS}."
        single = best_single(view, ladder.model, ladder.budget)
        if single is not None and single.chosen_by != "English dev":
            yield f"{ladder.label}: the best single task was chosen by its scores, which flatters it."
    unknown = [name for name, one in view.design.intermediates.items() if name != BASELINE and not budget_of(one)]
    if unknown:
        yield f"Without a budget, so taken as one budget of their own: {', '.join(unknown)}."
    yield from dict.fromkeys(f"{one.name}: {sized(one)}." for one in headline(view) if one.found is None)


TASK_DIVERSITY = Analysis(
    question=(
        "Do more diverse intermediate tasks give diminishing returns at a fixed number of examples, against more data of the"
        " single best task?"
    ),
    headline=headline,
    answer=answer,
    plots=plots,
    varied=varied,
    details=details,
    fits=lambda view: (fit for ladder in ladders_of(view) for fit in returns_of(view, ladder)),
    notes=_notes,
    parts=parts_of,
)
