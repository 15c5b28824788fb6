"""Straight lines, power laws and broken lines through points, and what values of their parameters the data leaves open.

A straight line's slope is a weighted sum of points, so it has an interval like any other (`reports.studies.sheet`).

A power law y = a - b x^-c and a line that breaks at k are not linear in c and k. Their confidence sets are found by asking of
each value whether it can be the true one: given c, the points lie in the span of 1 and x^-c, up to chance. A weighted sum
that is orthogonal to this span is 0 on average, whatever a and b, and c is left open where the sum's interval holds 0
(Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x, is the case of a ratio). Of all such sums the one is taken that a small
change of c would move most, the derivative of the curve. So the set holds the true value as often as the interval holds 0,
also with few points and where the data hardly decides; then it has no end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from reports.statistics.arms import Floats
from reports.statistics.compare import Comparison

LEAST_SIZES = 4
"""Points below which no curve is fitted: three parameters, and one to doubt them."""
EXPONENTS = np.geomspace(0.05, 4.0, 45)
"""Exponents of a power law that are looked at; the least can't be told from a straight line over the logarithm."""
BREAKS = 4
"""Places that are looked at between two neighbouring points of a broken line."""
HALVINGS = 8
Weigh = Callable[[Sequence[float]], Comparison | None]
"""The interval of a weighted sum of a curve's points."""


class Ends(NamedTuple):
    """Of a confidence set; None where it has none. `empty`: no value at all fits within chance."""

    low: float | None
    high: float | None
    empty: bool = False


@dataclass(frozen=True)
class Shape:
    """A fitted curve: `at` gives its height, `squares` is the sum of squared residuals, `free` counts its parameters."""

    name: str
    at: Callable[[float], float]
    squares: float
    free: int
    value: float = math.nan


def slope_weights(x: Sequence[float]) -> list[float]:
    """Weights of the least-squares slope."""
    places = np.asarray(x) - np.mean(x)
    return [float(weight) for weight in places / (places**2).sum()]


def bend_weights(x: Sequence[float]) -> list[float]:
    """Weights of the slope at the first point minus the slope at the last, of the least-squares parabola.

    Above 0: each step brings less than the one before.
    """
    places = np.asarray(x, dtype=np.float64)
    square = np.linalg.pinv(np.vander(places, 3))[0]
    return [float(weight) for weight in -2.0 * (places.max() - places.min()) * square]


def straight(x: Floats, y: Floats, offsets: Floats | None = None) -> Shape:
    """The least-squares line; with `offsets` [points, curves], curves that differ in height alone."""
    fitted, squares = _solved(_basis(x, offsets, x), y)
    return Shape("a straight line", fitted, squares, 1)


def power_law(x: Floats, y: Floats, offsets: Floats | None = None) -> Shape:
    """The least-squares curve y = a - b x^-c; its `value` is c."""

    def tried(exponent: float) -> float:
        return _solved(_basis(x, offsets, _power(x, exponent)), y)[1]

    exponent = _least(tried, EXPONENTS)
    fitted, squares = _solved(_basis(x, offsets, _power(x, exponent)), y)
    middle = _middle(x)
    return Shape("a power law", lambda value: fitted((value / middle) ** -exponent), squares, 2, exponent)


def broken_line(x: Floats, y: Floats, offsets: Floats | None = None) -> Shape:
    """Two lines that meet, by least squares; its `value` is where."""

    def tried(place: float) -> float:
        return _solved(_basis(x, offsets, x, _hinge(x, place)), y)[1]

    place = _least(tried, breaks_of(x))
    fitted, squares = _solved(_basis(x, offsets, x, _hinge(x, place)), y)
    return Shape("a broken line", lambda value: fitted(value, max(value - place, 0.0)), squares, 3, place)


def open_exponents(x: Floats, weigh: Weigh, estimate: float) -> Ends:
    """The ends of the confidence set of a power law's c around its estimate; None where it has no end among the `EXPONENTS`.

    Two Nones: the data says nothing of c.
    """

    def direction(exponent: float) -> Floats:
        found = _power(x, exponent)
        return _orthogonal(found * np.log(x / _middle(x)), _basis(x, None, found))

    return _left_open(EXPONENTS, direction, weigh, estimate)


def open_breaks(x: Floats, weigh: Weigh, estimate: float) -> Ends:
    """The ends of the confidence set of the place where a line breaks; None where it reaches the last place looked at."""

    def direction(place: float) -> Floats:
        return _orthogonal((x > place).astype(np.float64), _basis(x, None, x, _hinge(x, place)))

    return _left_open(breaks_of(x), direction, weigh, estimate)


def breaks_of(x: Floats) -> Floats:
    """Places where a line may break: two points or more lie on either side, those at the break among them."""
    places = np.unique(x)[1:-1]
    return np.unique(np.concatenate([np.linspace(a, b, BREAKS + 1) for a, b in pairwise(places)]))


def akaike(shape: Shape, points: int, curves: int) -> float | None:
    """Akaike's criterion corrected for small samples (Hurvich and Tsai 1989, doi:10.1093/biomet/76.2.297); None of too few
    points.

    Every curve has a height of its own, and all share one variance.
    """
    free = shape.free + curves + 1
    if points - free - 1 <= 0 or shape.squares <= 0:
        return None
    return points * math.log(shape.squares / points) + 2 * free + 2 * free * (free + 1) / (points - free - 1)


def _left_open(values: Floats, direction: Callable[[float], Floats], weigh: Weigh, estimate: float) -> Ends:
    """The ends of the run of values that are left open around the estimate; far from it, a sum can be 0 by accident."""
    values = np.unique([*values, min(max(estimate, values[0]), values[-1])])

    def is_open(value: float) -> bool:
        return _is_open(direction(float(value)), weigh)

    kept = [is_open(value) for value in values]
    if not any(kept):
        return Ends(None, None, empty=True)
    start = min((place for place, one in enumerate(kept) if one), key=lambda place: abs(values[place] - estimate))
    low = high = start
    while low > 0 and kept[low - 1]:
        low -= 1
    while high < len(values) - 1 and kept[high + 1]:
        high += 1
    return Ends(
        None if low == 0 else _edge(values[low], values[low - 1], is_open),
        None if high == len(values) - 1 else _edge(values[high], values[high + 1], is_open),
    )


def _edge(inside: float, outside: float, is_open: Callable[[float], bool]) -> float:
    """Where a set ends, between a value that is in it and one that is not."""
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if is_open(middle) else (inside, middle)
    return float(outside)


def _is_open(weights: Floats, weigh: Weigh) -> bool:
    found = weigh(list(map(float, weights))) if np.abs(weights).max() > 0 else None
    return found is None or found.low <= 0.0 <= found.high


def _middle(x: Floats) -> float:
    """The geometric mean: powers of sizes by themselves would be too small to compute with."""
    return float(np.exp(np.log(x).mean()))


def _power(x: Floats, exponent: float) -> Floats:
    return np.asarray((x / _middle(x)) ** -exponent)


def _hinge(x: Floats, place: float) -> Floats:
    return np.maximum(x - place, 0.0)


def _basis(x: Floats, offsets: Floats | None, *columns: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)) if offsets is None else offsets, *columns])


def _solved(basis: Floats, y: Floats) -> tuple[Callable[..., float], float]:
    """The fitted height as a function of the columns after the offsets (at the offsets' mean), and the squared residuals."""
    found = np.linalg.lstsq(basis, y, rcond=None)[0]

    def height(*columns: float) -> float:
        shape = len(columns)
        return float(found[: len(found) - shape].mean() + found[len(found) - shape :] @ np.array(columns))

    return height, float(((y - basis @ found) ** 2).sum())


def _least(tried: Callable[[float], float], values: Floats) -> float:
    """The value with the least squares: the best of a list, then between its neighbours."""
    from scipy.optimize import minimize_scalar

    errors = [tried(float(value)) for value in values]
    place = int(np.argmin(errors))
    low, high = values[max(place - 1, 0)], values[min(place + 1, len(values) - 1)]
    if low == high:
        return float(values[place])
    found = minimize_scalar(tried, bounds=(low, high), method="bounded")
    return float(found.x) if found.fun < errors[place] else float(values[place])


def _orthogonal(vector: Floats, basis: Floats) -> Floats:
    """What is left of a vector outside of the span of the basis."""
    orthonormal = np.linalg.qr(basis)[0]
    left = vector - orthonormal @ (orthonormal.T @ vector)
    length = float(np.linalg.norm(left))
    return np.asarray(left / length if length > 1e-9 else np.zeros(len(vector)))
