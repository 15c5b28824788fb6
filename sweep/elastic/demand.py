"""How many trials a sweep could run now, or will be able to before a new node is up: what an autoscaler is to make room for.

The search hands out a leg only where there is a place for it. What it would hand out if there were more is counted here by its
own rule: no two legs that would train the same node of the plan. A leg that waits for a phase counts from the moment that the
phase will likely end within `LEAD` seconds. Where nothing more could start, nothing is asked for: nodes that work are kept by
their work, and one that has none may go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sweep.elastic.room import ChangingRoom
from sweep.planning.tree import until_share
from sweep.search.board import Ask, Board

LEAD = 240.0
"""Seconds that a cloud takes, more or less, from a wish to a node that trains."""
SETTLING = 90.0
"""Seconds from the start of a leg until it works for certain on the node that is up for it, and so keeps that node."""


@dataclass
class Demand:
    """What a board could run at once.

    `most` is how many trials may run at once at all, `room` the gate that knows the nodes which are up (None: there is no such
    gate), `closed` says whether nothing more is to be started, `waiting` whether a running leg waits for a machine that stays,
    and `lead` and `settling` are in seconds.
    """

    board: Board
    most: int
    room: ChangingRoom | None = None
    closed: Callable[[], bool] = lambda: False
    lead: float = LEAD
    settling: float = SETTLING
    clock: Callable[[], float] = time.monotonic
    waiting: Callable[[], bool] = lambda: False
    _began: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def legs(self) -> list[Ask]:
        """Running legs and those that could start now or soon, at most `most`.

        Nothing where no leg could, none has lost its node, and all have settled on theirs.
        """
        running, soon = list(self.board.running.values()), self._soon()
        if self.closed():
            return []
        busy = {key for ask in running for key in ask.missing}
        more = startable(self.board.open_legs(self._counts), busy - soon, lambda key: key in soon or self._has(key))
        homeless = self.room is not None and self.room.homeless > 0
        settling = any(self.clock() - began < self.settling for began in self._began.values())
        needed = homeless or settling or self.waiting() or (bool(more) and len(running) < self.most)
        return [*running, *more][: self.most] if needed else []

    def _counts(self, ask: Ask) -> bool:
        """Whether a leg that was refused found no node, rather than no money or no time."""
        return self.room is not None and ask.leg in self.room.turned_away

    def _has(self, key: str) -> bool:
        return self.board.index.has(key)

    def _soon(self) -> set[str]:
        """Keys of nodes that running legs will likely have trained within `lead` seconds."""
        now, found = self.clock(), set()
        self._began = {leg: self._began.get(leg, now) for leg in self.board.running}
        for leg, ask in self.board.running.items():
            needed = self._began[leg] - now
            for node in (node for node in ask.nodes if node.key in ask.missing):
                needed += self.board.seconds(node)
                if needed <= self.lead:
                    found.add(node.key)
        return found


def startable(legs: Iterable[Ask], busy: set[str], has: Callable[[str], bool]) -> list[Ask]:
    """Those of `legs`, in their order, that can be under way at once while the nodes `busy` are in others' hands."""
    found, taken = [], set(busy)
    for ask in legs:
        shares = until_share(ask.nodes, ask.until)
        missing = {node.key for node, share in zip(ask.nodes, shares, strict=True) if share > 0 and not has(node.key)}
        if not missing & taken:
            taken |= missing
            found.append(ask)
    return found
