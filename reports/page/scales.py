"""Values to places on a chart's axis, and the few values that an axis names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`, drawn from `begin` to `end` (in the drawing's units); `log` for values that differ by factors."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value is drawn, to a tenth."""
        low, high, here = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        share = (here - low) / (high - low) if high > low else 0.5
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> list[float]:
        """Two to six round values to be named; the ends, where there is no other."""
        found = _powers(self.low, self.high) if self.log else _round_steps(self.low, self.high)
        return found if len(found) > 1 else [self.low, self.high] if self.high > self.low else [self.low]


def scale(values: Iterable[float], begin: float, end: float, *, log: bool = False, holds: Sequence[float] = ()) -> Scale:
    """A scale on which all values, and those in `holds`, have room."""
    found = [*values, *holds]
    low, high = min(found), max(found)
    if log:
        return Scale(low / 1.1, high * 1.1, begin, end, log=True)
    room = (high - low) * 0.06 or abs(low) * 0.05 or 1.0
    return Scale(low - room if low not in holds else low, high + room if high not in holds else high, begin, end)


def spans_factors(values: Sequence[float]) -> bool:
    """Whether values are better told apart by factors: all above 0, the greatest more than eight times the least."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 8


def _round_steps(low: float, high: float) -> list[float]:
    if not high > low:
        return [low]
    raw = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = math.ceil(low / step)
    return [round(index * step, 12) + 0.0 for index in range(first, math.floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, thinned until few are left."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [round(factor * 10.0**power, 12) for power in exponents for factor in factors]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= 6:
            return inside
    return inside[:: math.ceil(len(inside) / 6)]
