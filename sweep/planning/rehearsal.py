"""A sweep without training: the real search over a store in memory, with made-up scores, on some number of GPUs in virtual
time.

It tells what would be trained and how long it would take; which settings would win it can't tell. The order of starts is the
search's own, so times are those of this scheduler where durations are as estimated and nothing fails.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from sweep.planning.plan import Plan
from sweep.planning.tree import Node, until_share
from sweep.search.board import Ask, Board, Gate
from sweep.search.index import MemoryIndex
from sweep.search.levels import Seconds
from training.record import TrialRecord

Extra = Callable[[Ask], float]


def nothing(ask: Ask) -> float:
    """A leg that takes no time besides its training."""
    return 0.0


def alone(ask: Ask) -> float:
    """A leg whose training nothing slows down."""
    return 1.0


@dataclass
class Rehearsal:
    """What a search has trained.

    `work` is training in the unit of `amount` (tokens, say), each node once; `nodes` are those that were trained to their end,
    in order, `ended` the trials that were run to theirs, `legs` all that was started. `most_paused` is the most trials that
    waited at a rung at once, `makespan` the virtual time of the end.
    """

    amount: Seconds
    index: MemoryIndex
    work: float = 0.0
    nodes: list[Node] = field(default_factory=list)
    legs: list[Ask] = field(default_factory=list)
    ended: list[Ask] = field(default_factory=list)
    stopped: int = 0
    most_paused: int = 0
    makespan: float = 0.0
    _paused: set[str] = field(default_factory=set)

    def begin(self, ask: Ask, seconds: Seconds, pace: float = 1.0) -> list[tuple[float, Node | None]]:
        """Count a leg; returns the training it has to do, as (seconds, the node that is whole afterwards).

        It takes `pace` times the `seconds` of its nodes.
        """
        self.legs.append(ask)
        parts: list[tuple[float, Node | None]] = []
        for node, had, share in spans(ask):
            if share > 0 and not self.index.has(node.key):
                self.work += (share - had) * self.amount(node)
                parts.append(((share - had) * seconds(node) * pace, node if share == 1 else None))
        return parts

    def stored(self, node: Node) -> None:
        """A node is whole."""
        self.nodes.append(node)
        self.index.add(node.key)

    def over(self, board: Board, ask: Ask, seed: int) -> None:
        """A leg is over: the search hears its made-up score."""
        score = made_up_score(ask, seed)
        if ask.rung is None:
            self.ended.append(ask)
            self._paused.discard(ask.name)
            board.finish(ask.leg, score)
        else:
            self._paused.add(ask.name)
            self.most_paused = max(self.most_paused, len(self._paused))
            board.at_rung(ask.leg, score)
        for name, _ in board.take_stopped():
            self._paused.discard(name)
            self.stopped += 1


def spans(ask: Ask) -> Iterator[tuple[Node, float, float]]:
    """Each node of a leg, with the shares of it at which the leg begins (its last phase's checkpoint) and ends."""
    last = ask.nodes[-1].phase if ask.nodes else None
    begun, until = until_share(ask.nodes, ask.begun), until_share(ask.nodes, ask.until)
    for node, lower, upper in zip(ask.nodes, begun, until, strict=True):
        yield node, lower if node.phase is last else 0.0, upper


def made_up_score(ask: Ask, seed: int) -> float:
    """A score in percent: what a setting is worth, less what is not learned yet, with noise of its seed and of the rung."""
    worth = random.Random(f"{seed}/{ask.spec.label}/{ask.number}").gauss(70.0, 5.0)
    noise = random.Random(f"{seed}/{ask.spec.label}/{ask.number}/{ask.seed}/{ask.rung}").gauss(0.0, 1.0)
    return worth - 15.0 * (1.0 - ask.until) + noise


def rehearse(
    plan: Plan,
    amount: Seconds,
    *,
    seconds: Seconds | None = None,
    extra: Extra = nothing,
    pace: Extra = alone,
    slots: int = 1,
    gates: tuple[Gate, ...] = (),
    seed: int = 0,
    stored: Iterable[str] = (),
    records: Iterable[TrialRecord] = (),
    paused: Iterable[TrialRecord] = (),
) -> Rehearsal:
    """Run a plan's search to its end, at most `slots` legs at once, from what the store and earlier records hold.

    `seconds` are a node's (else `amount`), times the `pace` of the leg that trains it; `extra` are a leg's besides (its start
    and evaluation). `gates` say what may start, such as the room on GPUs that trials share.
    """
    import optuna

    found = Rehearsal(amount, MemoryIndex(stored))
    took = seconds or amount
    storage = optuna.storages.InMemoryStorage()
    board = Board.open(plan, storage, records, paused, index=found.index, seconds=took, gates=gates)
    events: list[tuple[float, int, Node | None, Ask | None]] = []
    order, now, free = count(), 0.0, slots
    while True:
        while free and (ask := board.next()) is not None:
            free, end = free - 1, now
            for part, node in found.begin(ask, took, pace(ask)):
                end += part
                if node is not None:
                    heapq.heappush(events, (end, next(order), node, None))
            heapq.heappush(events, (end + extra(ask), next(order), None, ask))
        if not events:
            found.makespan = now
            return found
        now, _, whole, over = heapq.heappop(events)
        if whole is not None:
            found.stored(whole)
        if over is not None:
            free += 1
            found.over(board, over, seed)
