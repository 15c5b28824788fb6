"""Draws: which units of which tasks each optimiser step sees.

* What is drawn is a function of (seed, epoch) alone, so a phase that stops and starts again sees the batches it would have
  seen.
* An epoch has sum(min(size, cap)) units whatever the kind of mixing, so that kinds compare at one budget; a task whose share is
  more than it has is gone through again.
* Sources of the rules: examples-proportional with a cap and temperature, T5 (arXiv 1910.10683, equation 1); languages sampled
  with an exponent, XLM-R (arXiv 1911.02116); batches of all tasks, Muppet (arXiv 2101.11038).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import UserError
from training.identity import Mixing

Units = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TaskUnits:
    """Some units of one task; `source` indexes the phase's tasks."""

    source: int
    units: Units


@dataclass(frozen=True, slots=True)
class Draw:
    """The units of one optimiser step: of one task, or of several where batches are mixed."""

    parts: tuple[TaskUnits, ...]

    @property
    def size(self) -> int:
        """Number of units."""
        return sum(len(part.units) for part in self.parts)


def epoch_draws(
    sizes: Sequence[Sequence[int]],
    batch: int,
    mixing: Mixing,
    seed: int,
    epoch: int,
    *,
    lengths: Sequence[Sequence[int] | NDArray[np.int32]] = (),
    pool: int = 0,
) -> list[Draw]:
    """The steps of one epoch, in batches of `batch` units (the last of a task, or of a mixed epoch, may be smaller).

    `sizes` holds, for each task, the number of units in each of its languages; a task's units are numbered through its
    languages in that order. With `pool`, each run of that many batches is sorted by the units' `lengths` (a list a task)
    before it is cut. Raises UserError when `mixing.weights` does not fit the tasks.
    """
    generator = np.random.default_rng([seed, epoch, 7919])
    counts = task_shares([sum(languages) for languages in sizes], mixing)
    orders = []
    for source, (languages, count) in enumerate(zip(sizes, counts, strict=True)):
        order = _order(generator, languages, count, mixing.alpha)
        orders.append(_sorted_in_pools(order, np.asarray(lengths[source]), batch * pool) if pool else order)
    draws = _mixed(orders, batch) if mixing.batches == "mixed" else _homogeneous(orders, batch)
    return [draws[index] for index in generator.permutation(len(draws))]


def task_shares(sizes: Sequence[int], mixing: Mixing) -> list[int]:
    """Units an epoch of each task, at least one of each; raises UserError when `mixing.weights` does not fit the tasks."""
    capped = [min(size, mixing.cap) if mixing.cap else size for size in sizes]
    if mixing.kind == "proportional":
        return capped
    if mixing.kind == "temperature":
        wanted = np.asarray(capped, dtype=np.float64) ** (1.0 / mixing.temperature)
    else:
        wanted = np.asarray(mixing.weights, dtype=np.float64)
        if len(wanted) != len(sizes):
            raise UserError("the weights of a mixture do not fit its tasks", len(wanted), f"give {len(sizes)}, one a task")
    return _parts_of(sum(capped), wanted)


def language_shares(sizes: Sequence[int], count: int, alpha: float) -> list[int]:
    """Units of each language when a task gives `count`: in proportion to size ** alpha, at least one of each."""
    return _parts_of(count, np.asarray(sizes, dtype=np.float64) ** alpha)


def _parts_of(total: int, wanted: NDArray[np.float64]) -> list[int]:
    """Whole numbers in the proportions of `wanted`, `total` together (largest remainders), or more where one would be 0."""
    wanted = wanted / wanted.max()  # their sum may be more than a float holds
    exact = wanted / wanted.sum() * total
    parts = np.floor(exact).astype(np.int64)
    rest = np.argsort(parts - exact, kind="stable")[: total - int(parts.sum())]
    parts[rest] += 1
    return [max(1, int(part)) for part in parts]


def _order(generator: np.random.Generator, languages: Sequence[int], count: int, alpha: float) -> Units:
    """`count` units of one task in random order."""
    if len(languages) == 1:
        return _cycled(generator, languages[0], count)
    first = np.cumsum([0, *languages])
    parts = [
        start + _cycled(generator, size, share)
        for start, size, share in zip(first, languages, language_shares(languages, count, alpha), strict=False)
    ]
    return generator.permutation(np.concatenate(parts))


def _cycled(generator: np.random.Generator, size: int, count: int) -> Units:
    """`count` of `size` units: as often as it takes, each once more than any other at most."""
    rounds = [generator.permutation(size) for _ in range(-(-count // size))]
    return np.concatenate(rounds)[:count]


def _sorted_in_pools(order: Units, lengths: NDArray[np.int64], pool: int) -> Units:
    parts = [order[start : start + pool] for start in range(0, len(order), pool)]
    return np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])


def _homogeneous(orders: Sequence[Units], batch: int) -> list[Draw]:
    return [
        Draw((TaskUnits(source, order[start : start + batch]),))
        for source, order in enumerate(orders)
        for start in range(0, len(order), batch)
    ]


def _mixed(orders: Sequence[Units], batch: int) -> list[Draw]:
    """Batches that hold every task in its share of the epoch, as evenly as whole units allow."""
    sources = np.concatenate([np.full(len(order), source) for source, order in enumerate(orders)])
    places = np.concatenate([(np.arange(len(order)) + 0.5) / len(order) for order in orders])
    units = np.concatenate(list(orders))
    even = np.argsort(places, kind="stable")
    draws = []
    for start in range(0, len(even), batch):
        chosen = even[start : start + batch]
        parts = [TaskUnits(int(source), units[chosen[sources[chosen] == source]]) for source in np.unique(sources[chosen])]
        draws.append(Draw(tuple(parts)))
    return draws
