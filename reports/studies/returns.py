"""The shape of returns over the number of tasks: a straight line, a power law, or two lines that meet, and where they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from reports.numbers import number, several
from reports.statistics.arms import Floats
from reports.statistics.compare import Comparison
from reports.studies.curves import Shape, akaike, broken_line, open_breaks, power_law, straight
from reports.studies.finding import Fit
from reports.studies.orders import Ladder, order_part
from reports.studies.sheet import Point
from reports.studies.view import View, mean_of

LEAST_COUNTS = 5
"""Numbers of tasks below which no break is looked for."""
LEAST_ORDERS = 3
MUCH = 2.0
"""Less of a difference in Akaike's criterion is none worth naming (Burnham and Anderson 2004, doi:10.1177/0049124104268644)."""
SHAPES: Mapping[str, Callable[[Floats, Floats, Floats | None], Shape]] = {
    "a straight line": straight,
    "a power law": power_law,
    "a broken line": broken_line,
}


def shape_of(x: Floats, y: Floats) -> Shape:
    """The line to draw: a power law from five points on, else a straight line."""
    return power_law(x, y) if len(x) >= LEAST_COUNTS else straight(x, y)


def returns_of(view: View, ladder: Ladder) -> Iterator[Fit]:
    """Which shape describes a ladder best, and where its line breaks."""
    if len(ladder.counts) < LEAST_COUNTS:
        return
    x = np.array(ladder.counts, dtype=np.float64)
    curves = _curves(view, ladder)
    yield _by_akaike(ladder, x, curves)
    if len(curves) >= LEAST_ORDERS:
        yield _by_orders(ladder, x, curves)
    yield _break(view, ladder, x, curves)


def _curves(view: View, ladder: Ladder) -> Floats:
    """Scores in percent, mean over seeds and targets: [orders, counts]."""
    return np.array(
        [[view.score(Point(ladder.model, names[count])) for count in ladder.counts] for names in ladder.orders.values()]
    )


def _by_akaike(ladder: Ladder, x: Floats, curves: Floats) -> Fit:
    """The shapes by Akaike's criterion over all orders; every order has a height of its own."""
    orders = len(curves)
    offsets = np.repeat(np.eye(orders, dtype=np.float64), len(x), axis=0)
    values = {
        name: akaike(fit(np.tile(x, orders), curves.ravel(), offsets), curves.size, orders) for name, fit in SHAPES.items()
    }
    known = {name: value for name, value in values.items() if value is not None}
    label = f"AICc of a straight line minus the least, {ladder.label}"
    if "a straight line" not in known or len(known) < 2:
        return Fit(name=label, value=None, says="too few points for a criterion")
    best = min(known, key=lambda name: known[name])
    ahead = known["a straight line"] - known[best]
    said = ", ".join(f"{name} {number(value)}" for name, value in known.items())
    if ahead < MUCH:
        return Fit(name=label, value=ahead, says=f"a straight line fits as well as any ({said})")
    return Fit(name=label, value=ahead, says=f"{best} fits better than a straight line ({said})")


def _by_orders(ladder: Ladder, x: Floats, curves: Floats) -> Fit:
    """What a straight line predicts of an order that was left out, against a power law: squared errors, paired by order."""
    from scipy.special import stdtrit

    centred = curves - curves.mean(1, keepdims=True)
    apart = []
    for place, curve in enumerate(centred):
        others = np.delete(centred, place, axis=0).mean(0)
        errors = [_error(fit(x, others, None), x, curve) for fit in (straight, power_law)]
        apart.append(errors[0] - errors[1])
    mean, count = float(np.mean(apart)), len(apart)
    half = float(stdtrit(count - 1.0, 0.975)) * float(np.std(apart, ddof=1)) / math.sqrt(count)
    says = (
        "a power law predicts an order that was left out better"
        if mean - half > 0
        else "neither predicts an order that was left out better"
    )
    if mean + half < 0:
        says = "a straight line predicts an order that was left out better"
    return Fit(
        name=f"squared error of a line minus of a power law, {ladder.label}",
        value=mean,
        low=mean - half,
        high=mean + half,
        says=says,
    )


def _error(shape: Shape, x: Floats, curve: Floats) -> float:
    heights = np.array([shape.at(float(at)) for at in x])
    return float(((curve - heights + heights.mean()) ** 2).mean())


def _break(view: View, ladder: Ladder, x: Floats, curves: Floats) -> Fit:
    """Where two lines meet, with the places that the data leaves open."""
    label = f"number of tasks at which the line breaks, {ladder.label}"
    value = broken_line(x, curves.mean(0)).value

    def weigh(weights: Sequence[float]) -> Comparison | None:
        each = [ladder.of_order(order, weights) for order in ladder.orders]
        return view.weighted(mean_of(each), view.targets, order_part(view, each, view.targets))

    low, high, empty = open_breaks(x, weigh, value)
    if empty:
        return Fit(
            name=label, value=value, says="no single break fits these points within their chance: the curve bends all along"
        )
    if low is None and high is None:
        return Fit(
            name=label, value=value, says=f"every place is left open: {several(len(x), 'number')} of tasks do not say where"
        )
    return Fit(name=label, value=value, low=low, high=high, says="two lines that meet here fit within chance")
