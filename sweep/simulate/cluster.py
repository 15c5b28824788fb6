"""The machines of a simulated sweep: when each joins, when it is taken away and comes back, when a process on it dies.

What happens to a worker follows from the cluster's seed and the worker's number alone, never from what it is used for. So every
way of scheduling is measured against the same faults.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

HOUR = 3600.0


class Happening(StrEnum):
    """What can happen to a worker; it has one GPU."""

    JOINS = "joins"
    NOTICE = "notice"
    LEAVES = "leaves"
    FAILS = "fails"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """`gpus` workers of one GPU each. Times are in seconds, rates a GPU and hour.

    Workers join at random within the first `joins` seconds, the first of them at once. `preempt` are those that are taken away,
    each told `notice` seconds before, and replaced by another `replaced` seconds later; `fail` are processes that die alone.
    """

    gpus: int
    seed: int = 0
    joins: float = 0.0
    preempt: float = 0.0
    notice: float = 120.0
    replaced: float = 300.0
    fail: float = 0.0

    def happenings(self, worker: int) -> Iterator[tuple[float, Happening]]:
        """(seconds since the start, what happens) to one worker, in order and without end where there are faults."""
        dice = random.Random(f"{self.seed}/worker/{worker}")
        now = dice.uniform(0.0, self.joins) if worker else 0.0
        while True:
            yield now, Happening.JOINS
            if not self.preempt and not self.fail:
                return
            gone = now + _interval(dice, self.preempt)
            yield from self._failures(dice, now, gone)
            yield gone, Happening.LEAVES
            now = gone + self.replaced

    def _failures(self, dice: random.Random, begin: float, gone: float) -> Iterator[tuple[float, Happening]]:
        """The failures of a worker until it is gone, and the notice of its going in its place among them."""
        told = max(begin, gone - self.notice)
        failed = begin + _interval(dice, self.fail)
        while failed < told:
            yield failed, Happening.FAILS
            failed += _interval(dice, self.fail)
        yield told, Happening.NOTICE
        while failed < gone:
            yield failed, Happening.FAILS
            failed += _interval(dice, self.fail)


def _interval(dice: random.Random, rate: float) -> float:
    """Seconds until the next event of a Poisson process of `rate` an hour; for ever at rate 0."""
    return dice.expovariate(rate) * HOUR if rate else float("inf")
