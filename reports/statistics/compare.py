"""The difference of two arms with its interval, from two sources of chance: the seeds, and the items of the test sets.

With d(s, i) the contribution of item i at seed s to the difference, the model is crossed random effects,

    d(s, i) = mean + seed(s) + item(i) + rest(s, i).

The variance of the mean over J seeds and I items is var(seed)/J + var(item)/I + var(rest)/(IJ). The first and last terms
together are the variance of the per-seed differences over J; the middle one comes from contributions, with its share of the rest
taken out, so that nothing is counted twice (a naive bootstrap over both counts the rest thrice: Owen 2007,
doi:10.1214/07-AOAS122). Few seeds make the first part uncertain: the interval is Student's t with Satterthwaite's degrees of
freedom.

* one seed: the interval is about the items alone, and says so (`covers`): another seed may lie outside of it;
* no evidence: it is about the seeds alone, as if the test set were the whole language.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from reports.statistics.arms import Arm, Floats

LEVEL = 0.95


class Covers(StrEnum):
    """What chance an interval is about."""

    BOTH = "seeds and items"
    SEEDS = "seeds alone"
    ITEMS = "items alone"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`delta` in points, its standard error and degrees of freedom, interval, and two-sided p-value for no difference.

    `seed_error` and `item_error` are the two parts of `error` (None: not known).
    """

    delta: float
    error: float
    freedom: float
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
    delta = float(mine.scores.mean() - other.scores.mean())
    seeds = _of_seeds(mine, other)
    items = _of_items(mine, other)
    if seeds is None and items is None:
        return None
    parts = [part for part in (seeds, items) if part is not None]
    variance = sum(part.variance for part in parts)
    freedom = _satterthwaite(parts)
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf(0.5 + level / 2.0, freedom)) * error
    return Comparison(
        delta=delta,
        error=error,
        freedom=freedom,
        low=delta - half,
        high=delta + half,
        p=_p(delta, error, freedom),
        seeds=max(len(mine.scores), len(other.scores)),
        items=0 if mine.items is None else mine.items.shape[1],
        covers=Covers.SEEDS if items is None else Covers.ITEMS if seeds is None else Covers.BOTH,
        seed_error=None if seeds is None else float(np.sqrt(seeds.variance)),
        item_error=None if items is None else float(np.sqrt(items.variance)),
    )


@dataclass(frozen=True)
class _Part:
    """A variance in points squared, and its degrees of freedom."""

    variance: float
    freedom: float


def _of_seeds(mine: Arm, other: Arm) -> _Part | None:
    """The variance of the mean difference over seeds: paired, of one arm against a fixed one, or of two (Welch)."""
    if mine.seeds == other.seeds and not (mine.fixed or other.fixed):
        return _mean_part(mine.scores - other.scores)
    parts = [_mean_part(one.scores) for one in (mine, other) if not one.fixed]
    if not parts or any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    return _Part(sum(part.variance for part in known), _satterthwaite(known))


def _mean_part(values: Floats) -> _Part | None:
    if len(values) < 2:
        return None
    return _Part(float(values.var(ddof=1)) / len(values), len(values) - 1.0)


def _of_items(mine: Arm, other: Arm) -> _Part | None:
    """The variance over items of the mean difference, without what the seeds' variance holds of it already."""
    if mine.items is None or other.items is None or mine.about != other.about or mine.items.shape[1] != other.items.shape[1]:
        return None
    paired = mine.seeds == other.seeds or mine.fixed or other.fixed
    matrix = mine.items - other.items if paired else (mine.items.mean(0) - other.items.mean(0))[None]
    count, items = matrix.shape
    mean = float((matrix.mean(0) ** 2).sum())
    if count > 1:
        each = float((matrix**2).sum(1).mean())
        mean = max(0.0, mean - (each - mean) / (count - 1))
    return _Part(mean * items / (items - 1), items - 1.0) if items > 1 else None


def _satterthwaite(parts: list[_Part]) -> float:
    variance = sum(part.variance for part in parts)
    if variance <= 0.0:
        return max(part.freedom for part in parts)
    return variance**2 / sum(part.variance**2 / part.freedom for part in parts)


def _p(delta: float, error: float, freedom: float) -> float:
    if error <= 0.0:
        return float(delta == 0.0)
    return float(2.0 * stats.t.sf(abs(delta) / error, freedom))
