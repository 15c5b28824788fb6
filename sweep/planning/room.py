"""Where trials find room: a gate of the search that hands out no leg for which no GPU has enough left.

Ray would let such a leg wait, with the phases that it is going to train in its hands. Placing is Ray's: this is its arithmetic
(the fullest GPU that still has room), so the two agree on whether there is a place, and need not on which.

A leg that finds none has one GPU kept free of what is less urgent, until something ends: else small trials would take every
piece that falls free, and one that needs a whole GPU would wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from sweep.planning.studies import StudySpec
from sweep.search.board import Ask

TINY = 1e-6


@dataclass
class Machine:
    """What is free of a machine: CPU cores, and of each of its GPUs a share from 0 to 1."""

    cpu: float
    gpus: list[float]


Place = tuple[int, tuple[int, ...]]
"""A machine, and the GPUs of it that a trial is on."""


@dataclass
class Room:
    """The gate (`sweep.search.board.Gate`); a trial takes `cpu` cores and the GPUs that `gpus` says of its study."""

    machines: list[Machine]
    cpu: float
    gpus: Callable[[StudySpec], float]
    _taken: dict[str, tuple[Place, float]] = field(default_factory=dict, init=False, repr=False)
    _kept: Place | None = field(default=None, init=False, repr=False)
    _keeper: str = field(default="", init=False, repr=False)

    def most(self, smallest: float) -> int:
        """How many trials can run at once if all get the smallest share."""
        return sum(
            min(int((machine.cpu + TINY) / self.cpu) if self.cpu else 1 << 30, int((sum(machine.gpus) + TINY) / smallest))
            for machine in self.machines
        )

    def admits(self, ask: Ask) -> bool:
        """Whether there is a place; where there is none, the first leg that asks keeps a GPU free for itself."""
        share = self.gpus(ask.spec)
        if self._place(share, keeper=ask.leg) is not None:
            return True
        if self._kept is None:
            self._kept, self._keeper = self._emptiest(share), ask.leg
        return False

    def started(self, ask: Ask) -> None:
        """A leg was handed out: it takes its place."""
        share = self.gpus(ask.spec)
        place = self._place(share, keeper=ask.leg)
        if place is not None:
            self._taken[ask.leg] = place, share
            self._change(place, share, -1)
        if ask.leg == self._keeper:
            self._kept, self._keeper = None, ""

    def ended(self, ask: Ask) -> None:
        """A leg is over: its place is free, and what found none may ask again, most urgent first."""
        if ask.leg in self._taken:
            place, share = self._taken.pop(ask.leg)
            self._change(place, share, +1)
        self._kept, self._keeper = None, ""

    def _place(self, share: float, keeper: str) -> Place | None:
        """The place that leaves least of a GPU, whole ones for a trial that takes one or more."""
        kept = None if keeper == self._keeper else self._kept
        found: list[tuple[float, Place]] = []
        for number, machine in enumerate(self.machines):
            if machine.cpu + TINY < self.cpu:
                continue
            free = [index for index in range(len(machine.gpus)) if kept is None or kept[0] != number or index not in kept[1]]
            found += [(sum(machine.gpus[index] for index in on), (number, on)) for on in _on(machine.gpus, free, share)]
        return min(found)[1] if found else None

    def _emptiest(self, share: float) -> Place | None:
        """The place that has most left: it will be free first."""
        wanted = max(1, round(share))
        found = []
        for number, machine in enumerate(self.machines):
            order = sorted(enumerate(machine.gpus), key=itemgetter(1), reverse=True)[:wanted]
            if len(order) == wanted:
                found.append((sum(free for _, free in order), (number, tuple(index for index, _ in order))))
        return max(found)[1] if found else None

    def _change(self, place: Place, share: float, sign: int) -> None:
        number, on = place
        self.machines[number].cpu += sign * self.cpu
        for index in on:
            self.machines[number].gpus[index] += sign * min(1.0, share)


def _on(gpus: list[float], free: list[int], share: float) -> list[tuple[int, ...]]:
    """The GPUs that a trial could be on: one with room for its share, as many free ones as it takes, or none."""
    if not share:
        return [()]
    if share <= 1:
        return [(index,) for index in free if gpus[index] + TINY >= share]
    whole = [index for index in free if gpus[index] + TINY >= 1]
    wanted = round(share)
    return [tuple(whole[:wanted])] if len(whole) >= wanted else []


def machines_of(nodes: Iterable[Mapping[str, float]], gpus: int = 1) -> list[Machine]:
    """Machines from the resources of a cluster's nodes that have so many GPUs, or more."""
    return [Machine(node.get("CPU", 0.0), [1.0] * int(node.get("GPU", 0.0))) for node in nodes if node.get("GPU", 0.0) >= gpus]
