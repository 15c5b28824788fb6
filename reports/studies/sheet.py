"""Scores of models and settings side by side, and weighted sums of them with their chance.

Every effect of a study (a slope, a difference of slopes, a difference of arms) is a weighted sum of points, a point being a
model with an intermediate setting, averaged over targets. Its chance is that of `reports.statistics.compare`: seeds, and test
items. So a sum's value at each seed gives the part of the seeds, and what each item contributes to the sum gives the part of
the items.

Of items only sums of products are kept, a matrix [points, points] a target: any weighted sum, over any of the targets, is
then a matter of small matrices. Items of different targets count as drawn independently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reports.statistics.arms import Arm, Floats
from reports.statistics.compare import LEVEL, Comparison, Part, item_part, settled

STILL = 1e-9
"""A standard error in points that is smaller is rounding alone."""


class Point(NamedTuple):
    """A model after one intermediate setting."""

    model: str
    intermediate: str


Weights = Mapping[Point, float]


@dataclass(frozen=True)
class Block:
    """One target: scores [seeds, points], and sums over items of products of contributions [points, points].

    `mean` is of contributions averaged over seeds, `each` of single seeds, averaged; both None where evidence is missing.
    """

    scores: Floats
    items: int = 0
    mean: Floats | None = None
    each: Floats | None = None


@dataclass(frozen=True)
class Sheet:
    """Blocks by target, all of the same points and seeds."""

    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    blocks: Mapping[str, Block]

    def by_seed(self, weights: Weights, targets: Sequence[str]) -> Floats:
        """The weighted sum at every seed: [seeds]."""
        vector = self._vector(weights)
        return np.asarray(np.mean([self.blocks[target].scores @ vector for target in targets], axis=0))

    def weighted(
        self, weights: Weights, targets: Sequence[str], level: float = LEVEL, more: Sequence[Part] = ()
    ) -> Comparison | None:
        """The weighted sum with its interval; None where nothing is known of chance.

        So it is where seeds and items differ in nothing: an interval without width would tell from 0 whatever is not 0.
        """
        values, vector = self.by_seed(weights, targets), self._vector(weights)
        blocks = [self.blocks[target] for target in targets]
        items = sum(block.items for block in blocks) if all(block.items for block in blocks) else 0
        count = len(values)
        seeds = [Part(float(values.var(ddof=1)) / count, count - 1.0)] if count > 1 else None
        found = [item_part(*self._squares(vector, blocks), count, items)] if items > 1 else None
        return _unless_still(settled(float(values.mean()), seeds, found, level=level, counts=(count, items), more=more))

    def _vector(self, weights: Weights) -> Floats:
        return np.array([weights.get(point, 0.0) for point in self.points])

    def _squares(self, vector: Floats, blocks: Sequence[Block]) -> tuple[float, float]:
        """Sums over items of the squared contributions to the sum: of their mean over seeds, and of a seed."""
        sums = [
            [float(vector @ matrix @ vector) for matrix in (block.mean, block.each) if matrix is not None] for block in blocks
        ]
        mean, each = np.sum(sums, axis=0) / len(blocks) ** 2
        return float(mean), float(each)


def spread_part(values: Floats) -> Part:
    """What columns that count as drawn at random [seeds, columns] add to the variance of their mean over columns.

    The seeds' part holds what is left between columns at a single seed, so that is taken out, as of items.
    """
    seeds, columns = values.shape
    apart = (values - values.mean(1, keepdims=True)) / columns
    return item_part(float((apart.mean(0) ** 2).sum()), float((apart**2).sum(1).mean()), seeds, columns)


def at_large(values: Floats) -> Comparison | None:
    """The mean of [seeds, columns], seeds and columns (languages, say) both drawn at random; None of one column or seed.

    What test items add is in the differences between columns.
    """
    seeds, columns = values.shape
    if seeds < 2 or columns < 2:
        return None
    mean = values.mean(1)
    part = Part(float(mean.var(ddof=1)) / seeds, seeds - 1.0)
    return _unless_still(settled(float(mean.mean()), [part], None, counts=(seeds, 0), more=[spread_part(values)]))


def _unless_still(found: Comparison | None) -> Comparison | None:
    """None where an interval has no width."""
    return None if found is not None and found.error < STILL else found


def block_of(arms: Sequence[Arm], seeds: int) -> Block:
    """One target's block, from an arm a point; what trains nothing is the same at every seed."""
    scores = np.stack([np.broadcast_to(arm.scores, seeds) for arm in arms], axis=1)
    first = arms[0]
    if any(arm.items is None or arm.about != first.about or arm.items.shape[1] != _width(first) for arm in arms):
        return Block(scores)
    # A row a point: [points, seeds, items].
    stacked = np.stack([np.broadcast_to(arm.items, (seeds, _width(arm))) for arm in arms if arm.items is not None])
    mean = stacked.mean(1)
    flat = stacked.reshape(len(arms), -1)
    return Block(scores, _width(first), mean @ mean.T, flat @ flat.T / seeds)


def _width(arm: Arm) -> int:
    return 0 if arm.items is None else arm.items.shape[1]
