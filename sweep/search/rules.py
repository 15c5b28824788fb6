"""What a study may spend, and when it stops a setting: rules that are the same for every pair, the baseline included.

Early stopping is successive halving (arXiv 1502.07943) by rounds. All settings of a round reach a rung before any of them goes
past it; those go on that are among the best `keep` of all settings that have reached that rung so far. What goes on therefore
follows from scores alone, never from the order in which trials ended.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from search_spaces.schema import Grid


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The budget of one study.

    `wanted` settings are asked for `at_once` at a time. `rungs` are shares of the last phase after which the settings of a
    round are compared on the first seed, and `keep` is the share that goes on. With `best_seeds` a setting gets its next seed
    only while it is among the best `keep`, or within `margin` points of the best; else every setting that was run to its end
    gets every seed.
    """

    wanted: int
    seeds: tuple[int, ...]
    at_once: int = 1
    rungs: tuple[float, ...] = ()
    keep: float = 1.0
    stopping: bool = False
    best_seeds: bool = False
    margin: float = 0.0

    @classmethod
    def of(cls, grid: Grid, wanted: int, *, trained: bool) -> Rules:
        """The rules of a study of a grid; without a target phase (`trained` off) there is nothing to put rungs into."""
        search, stopping = grid.search, grid.search.stopping
        if stopping is None:
            return cls(wanted=wanted, seeds=tuple(grid.seeds), at_once=search.at_once)
        return cls(
            wanted=wanted,
            seeds=tuple(grid.seeds),
            at_once=search.at_once,
            rungs=tuple(stopping.rungs) if trained else (),
            keep=stopping.keep,
            stopping=True,
            best_seeds=stopping.seeds == "best",
            margin=stopping.margin,
        )

    @property
    def lead(self) -> int:
        """The seed that settings are compared on first."""
        return self.seeds[0]


@dataclass(frozen=True)
class Leg:
    """What can be run now of a study: a setting and a seed, to a rung (numbered from 0) or to the end (None).

    `begun` and `until` are the shares of the last phase at which it starts and ends.
    """

    number: int
    seed: int
    rung: int | None = None
    begun: float = 0.0
    until: float = 1.0


def best(scores: Mapping[int, float], keep: float) -> set[int]:
    """The best `keep` of the scored, rounded, one at least; ties go to the lower number."""
    count = max(1, math.floor(keep * len(scores) + 0.5))
    return set(sorted(sorted(scores), key=scores.__getitem__, reverse=True)[:count])


def next_seed(rules: Rules, scores: Mapping[tuple[int, int], float | None], finished: Collection[int]) -> list[Leg]:
    """The trials that are open with further seeds, once every setting is settled on the first.

    `finished` are the settings with a score on the first seed. A setting that failed with any seed is out, and the next best
    takes its place. One that is alone gets all that are left at once; where one of these fails, whether the others had begun by
    then is a matter of order, and nothing follows from them.
    """
    pool = {number for number in finished if all(scores.get((number, seed), 0.0) is not None for seed in rules.seeds)}
    if not rules.best_seeds:
        return [Leg(number, seed) for number in sorted(pool) for seed in rules.seeds if (number, seed) not in scores]
    for done, seed in enumerate(rules.seeds[1:], 1):
        means = {number: sum(scores[number, had] or 0.0 for had in rules.seeds[:done]) / done for number in pool}
        top = max(means.values(), default=0.0)
        near = {number for number, mean in means.items() if mean >= top - rules.margin}
        pool = best(means, rules.keep) | near if means else set()
        if len(pool) == 1:  # nothing is left to decide
            return [Leg(number, later) for number in pool for later in rules.seeds[done:] if (number, later) not in scores]
        if legs := [Leg(number, seed) for number in sorted(pool) if (number, seed) not in scores]:
            return legs
    return []
