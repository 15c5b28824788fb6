"""Accuracies whose truth is known: two arms with the same expected accuracy, chance in seeds and in items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.statistics.arms import Arm, Floats


@dataclass(frozen=True, kw_only=True)
class World:
    """Items differ in difficulty, and in which arm they suit (`by_arm`); seeds shift a run by `between_seeds`; all latent."""

    seeds: int
    items: int
    between_seeds: float
    by_arm: float = 0.3
    rest: float = 0.5


def draw(world: World, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Hits of both arms, [seeds, items] each."""
    shape = (world.seeds, world.items)
    difficulty = 0.3 + rng.normal(0, 1, world.items)
    first, second = (
        (difficulty + rng.normal(0, world.by_arm, world.items) + rng.normal(0, world.between_seeds, shape[0])[:, None])
        + rng.normal(0, world.rest, shape)
        > 0
        for _ in range(2)
    )
    return first.astype(np.float64), second.astype(np.float64)


def of_hits(hits: Floats) -> Arm:
    seeds, items = hits.shape
    parts = 100.0 * (hits - hits.mean(1, keepdims=True)) / items
    return Arm(tuple(range(seeds)), 100.0 * hits.mean(1), parts, ("world",))
