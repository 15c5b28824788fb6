"""The difference of two arms with its interval, from two sources of chance: the seeds, and the items of the test sets.

With d(s, i) the contribution of item i at seed s to the difference, the model is crossed random effects,

    d(s, i) = mean + seed(s) + item(i) + rest(s, i).

The variance of the mean over J seeds and I items is var(seed)/J + var(item)/I + var(rest)/(IJ). The first and last terms
together are the variance of the per-seed differences over J. The middle one comes from contributions, with its share of the
rest taken out, so that nothing is counted twice (a naive bootstrap over both counts the rest thrice: Owen 2007,
doi:10.1214/07-AOAS122).

Few seeds make their part uncertain, so each part has its own Student's t, and the half-widths add as squares (Howe 1974,
doi:10.1080/01621459.1974.10482995). With two or three seeds Satterthwaite's pooled degrees of freedom cover 88 to 94 % where
95 % are promised, this 95 to 97 % (`python benchmarks/intervals.py`).

* one seed: the interval is about the items alone, and says so (`covers`): another seed may lie outside of it;
* no evidence: it is about the seeds alone, as if the test set were the whole language.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.optimize import brentq
from scipy.special import stdtrit

from reports.statistics.arms import Arm

LEVEL = 0.95


class Covers(StrEnum):
    """What chance an interval is about."""

    BOTH = "seeds and items"
    SEEDS = "seeds alone"
    ITEMS = "items alone"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`delta` in points, its standard error, its interval, and the two-sided p-value for no difference (never below 1e-12).

    `seed_error` and `item_error` are the two parts of `error` (None: not known).
    """

    delta: float
    error: float
    low: float
    high: float
    p: float
    seeds: int
    items: int
    covers: Covers
    seed_error: float | None
    item_error: float | None


def compare(mine: Arm, other: Arm, level: float = LEVEL) -> Comparison | None:
    """`mine` minus `other`; None where neither seeds nor items say anything about chance.

    Runs are paired by seed where both arms have the same seeds, and items where they are about the same ones.
    """
    return settled(
        float(mine.scores.mean() - other.scores.mean()),
        _of_seeds(mine, other),
        _of_items(mine, other),
        level=level,
        counts=(max(len(mine.scores), len(other.scores)), 0 if mine.items is None else mine.items.shape[1]),
    )


@dataclass(frozen=True)
class Part:
    """A variance in points squared, and its degrees of freedom."""

    variance: float
    freedom: float


def settled(
    delta: float,
    seeds: Sequence[Part] | None,
    items: Sequence[Part] | None,
    *,
    level: float = LEVEL,
    counts: tuple[int, int] = (0, 0),
    more: Sequence[Part] = (),
) -> Comparison | None:
    """An estimate with its interval, from the variances by seeds and by items (None: not known), and `more` sources of chance.

    `counts` are the numbers of seeds and items. None where nothing is known of either.
    """
    if seeds is None and items is None:
        return None
    parts = [*(seeds or ()), *(items or ()), *more]
    half = _half(parts, level)
    return Comparison(
        delta=delta,
        error=_error(parts),
        low=delta - half,
        high=delta + half,
        p=_p(abs(delta), parts),
        seeds=counts[0],
        items=counts[1],
        covers=Covers.SEEDS if items is None else Covers.ITEMS if seeds is None else Covers.BOTH,
        seed_error=None if seeds is None else _error(seeds),
        item_error=None if items is None else _error(items),
    )


def _of_seeds(mine: Arm, other: Arm) -> list[Part] | None:
    """The variance of the mean difference over seeds: paired, of one arm against a fixed one, or of two."""
    if mine.seeds == other.seeds and not (mine.fixed or other.fixed):
        values = [mine.scores - other.scores]
    else:
        values = [one.scores for one in (mine, other) if not one.fixed]
    if not values or min(map(len, values)) < 2:
        return None
    return [Part(float(one.var(ddof=1)) / len(one), len(one) - 1.0) for one in values]


def _of_items(mine: Arm, other: Arm) -> list[Part] | None:
    """The variance over items of the mean difference, without what the seeds' variance holds of it already."""
    if mine.items is None or other.items is None or mine.about != other.about or mine.items.shape[1] != other.items.shape[1]:
        return None
    paired = mine.seeds == other.seeds or mine.fixed or other.fixed
    matrix = mine.items - other.items if paired else (mine.items.mean(0) - other.items.mean(0))[None]
    count, items = matrix.shape
    if items < 2:
        return None
    return [item_part(float((matrix.mean(0) ** 2).sum()), float((matrix**2).sum(1).mean()), count, items)]


def item_part(mean: float, each: float, count: int, items: int) -> Part:
    """The items' part from sums of squared contributions: of their mean over `count` seeds, and of one seed on average."""
    if count > 1:
        mean = max(0.0, mean - (each - mean) / (count - 1))
    return Part(mean * items / (items - 1), items - 1.0)


def _error(parts: Sequence[Part]) -> float:
    return math.sqrt(sum(part.variance for part in parts))


def _half(parts: Sequence[Part], level: float) -> float:
    """Half the width of an interval."""
    tail = 0.5 + level / 2.0
    return math.hypot(*(float(stdtrit(part.freedom, tail)) * math.sqrt(part.variance) for part in parts))


def _p(distance: float, parts: Sequence[Part]) -> float:
    """One minus the level of the widest interval that leaves 0 out."""
    if distance == 0.0 or _error(parts) == 0.0:
        return float(distance == 0.0)
    least, most = 1e-12, 1.0
    if _half(parts, 1.0 - least) <= distance:
        return least
    return float(brentq(lambda p: _half(parts, 1.0 - p) - distance, least, most, xtol=1e-12))
