"""Where Tune's drivers and Ray Train's workers meet: one small actor a launch, which knows every session.

A *session* is a Ray Train run that serves legs one after the other. Its driver posts a leg, its worker takes it and answers; a
worker that is started again, after one was lost, takes the same leg again. The mailbox counts losses a leg, and remembers what
a session holds in the cluster, so that it can be given back when its driver dies. It also decides which legs go to machines
that stay (`sweep.elastic.lasting`), since it sees every loss. It imports nothing heavy.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from sweep.elastic.lasting import Exposure, goes_to_steady, remaining

Leg = dict[str, Any]
SILENCE = 30.0
"""Seconds without a sign of life after which a session's driver counts as dead."""
NO_NODE = 600.0
"""Seconds that a leg waits for a machine that stays; then it goes on with any."""
DRY = 1800.0
"""Seconds for which none is asked for after that."""
MOVE = "move"
"""The answer that sends a leg to another session: to a machine that stays, or back to any."""
LATEST = 200
"""Ended sessions that are remembered, for tests and for whoever looks."""


@dataclass
class Box:
    """One session: the leg under way, its answer, and what the session holds."""

    run_id: str
    max_failures: int
    seen: float
    leg: Leg | None = None
    answer: dict[str, Any] | None = None
    losses: int = 0
    preemptions: int = 0
    taken: int = 0
    pid: int = 0
    closed: bool = False
    ended: bool = False
    steady: bool = False
    posted: float = 0.0
    began: float | None = None
    worked: float = 0.0
    groups: set[str] = field(default_factory=set)
    controller: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def rest(self, now: float) -> float:
        """The worker has stopped working; returns for how long it had worked."""
        seconds = now - self.began if self.began is not None else 0.0
        self.began, self.worked = None, self.worked + seconds
        return seconds

    def stir(self) -> None:
        """Wake everyone who waits for a change."""
        self.changed.set()
        self.changed = asyncio.Event()


class Mailbox:
    """The state of all sessions of one launch, by session id; every method is a coroutine of an async Ray actor."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.seen, self.places, self.no_node = Exposure(), 0, NO_NODE
        self._dry = float("-inf")

    async def teach(self, seen: Exposure, places: int, no_node: float = NO_NODE) -> None:
        """What earlier launches saw, how many sessions machines that stay can hold, and seconds to wait for one."""
        self.seen, self.places, self.no_node = seen, places, no_node

    async def exposure(self) -> Exposure:
        """What was seen so far, legs under way included."""
        now = time.monotonic()
        return self.seen.plus(sum(now - box.began for box in self.boxes.values() if box.began is not None and not box.steady))

    async def choose(self, seconds: float) -> bool:
        """Whether a leg whose longest phase needs so many seconds is to begin on a machine that stays."""
        return self._has_place() and goes_to_steady(seconds, await self.exposure())

    async def steady(self) -> dict[str, bool]:
        """Legs that ask for a machine that stays: whether they have it."""
        going = [box for box in self.boxes.values() if box.steady and box.leg is not None and not box.ended]
        return {str(box.leg.get("leg", "")): box.taken > 0 for box in going if box.leg is not None}

    def _has_place(self) -> bool:
        held = sum(box.steady and not (box.closed or box.ended) for box in self.boxes.values())
        return held < self.places and time.monotonic() - self._dry >= DRY

    async def open(self, session: str, run_id: str, max_failures: int, steady: bool = False) -> None:
        """A session begins; `run_id` is Ray Train's name for it, `steady` says that its machine is never taken away."""
        self.boxes[session] = Box(run_id, max_failures, time.monotonic(), steady=steady)

    async def governed(self, session: str, controller: list[Any]) -> None:
        """`controller`, in a list, is the handle of the actor in which Ray Train governs the session."""
        if session in self.boxes and not self.boxes[session].ended:
            self.boxes[session].controller = controller

    async def stands(self, session: str) -> bool:
        """Whether a session has not ended: its controller may start workers."""
        return session in self.boxes and not self.boxes[session].ended

    async def post(self, session: str, leg: Leg) -> bool:
        """Give a session its next leg; False when it has closed, and another has to be opened."""
        box = self.boxes[session]
        if box.closed or box.ended:
            return False
        box.leg, box.answer, box.losses, box.preemptions, box.taken = leg, None, 0, 0, 0
        box.posted, box.began, box.worked = time.monotonic(), None, 0.0
        box.stir()
        return True

    async def take(self, session: str, group: str, pid: int, patience: float) -> Leg | None:
        """The leg to work on, waited for `patience` seconds; None closes the session, and its worker should end.

        `group` is the placement group (hexadecimal) that the worker runs in, `pid` its process.
        """
        box = self.boxes[session]
        box.groups.add(group)
        box.pid = pid
        until = time.monotonic() + patience
        while box.leg is None and not box.closed:
            if not await _change(box, until - time.monotonic()):
                box.closed = True
        if box.closed:
            box.stir()
            return None
        box.taken += 1
        box.began = time.monotonic()
        return box.leg

    async def answer(self, session: str, answer: dict[str, Any]) -> None:
        """A worker is done with the leg."""
        box = self.boxes[session]
        self._rest(box)
        if box.leg is not None and box.answer is None:
            box.leg, box.answer = None, answer
            box.stir()

    async def collect(self, session: str, patience: float) -> dict[str, Any] | None:
        """The answer to the leg, waited for `patience` seconds; None when there is none yet."""
        box = self.boxes[session]
        until = time.monotonic() + patience
        while box.answer is None and not box.ended:
            if not await _change(box, until - time.monotonic()):
                break
        if box.steady and box.leg is not None and not box.taken and time.monotonic() - box.posted > self.no_node:
            self._dry = time.monotonic()
            box.leg, box.answer = None, {MOVE: "no machine that stays has come"}
        return box.answer

    async def lost(self, session: str, why: str, preempted: bool) -> None:
        """A worker was lost. A node that was taken away counts for nothing; after too many losses the leg is given up."""
        box = self.boxes[session]
        self._rest(box, lost=True)
        box.preemptions += preempted
        box.losses += not preempted
        if box.leg is not None and self._moves(box):
            box.leg, box.answer = None, {MOVE: f"its worker was lost {box.losses + box.preemptions} times"}
            box.stir()
        elif not preempted and box.leg is not None and box.losses > box.max_failures:
            box.answer = {"given_up": f"its worker was lost {box.losses} times, at last: {why}"}
            box.leg = None
            box.stir()

    def _rest(self, box: Box, lost: bool = False) -> None:
        """A worker has stopped working on a leg, or was lost before it began; that teaches something of machines that go."""
        seconds = box.rest(time.monotonic())
        if not box.steady:
            self.seen = self.seen.plus(seconds, int(lost and box.leg is not None))

    def _moves(self, box: Box) -> bool:
        """Whether a leg that has lost its worker goes on where nothing is taken away."""
        if box.steady or box.leg is None or not self._has_place():
            return False
        return goes_to_steady(remaining(float(box.leg.get("seconds", 0.0)), box.worked), self.seen)

    async def close(self, session: str) -> None:
        """No leg will follow: a worker that waits for one ends, and with it the session."""
        box = self.boxes.get(session)
        if box is not None:
            box.closed = True
            box.stir()

    async def beat(self, session: str) -> None:
        """The driver of a session lives."""
        self.boxes[session].seen = time.monotonic()

    async def end(self, session: str) -> None:
        """Ray Train has ended a session and given back what it held."""
        box = self.boxes.get(session)
        if box is not None:
            self._rest(box)
            box.ended, box.controller = True, []  # a handle would keep the actor alive
            box.stir()
        for name in [name for name, old in self.boxes.items() if old.ended][:-LATEST]:
            del self.boxes[name]

    async def broke(self, session: str) -> None:
        """Ray Train ended a session with a fault, and may have left something behind: its driver counts as dead."""
        box = self.boxes.get(session)
        if box is not None:
            box.closed, box.seen = True, float("-inf")
            box.stir()

    async def orphans(self, silence: float = SILENCE) -> dict[str, tuple[str, list[str], list[Any]]]:
        """Sessions that have not ended and whose drivers were silent for so long.

        id -> (run id, placement groups, the controller's handle if it is known)
        """
        now = time.monotonic()
        return {
            name: (box.run_id, sorted(box.groups), box.controller)
            for name, box in self.boxes.items()
            if not box.ended and now - box.seen >= silence
        }

    async def standing(self) -> dict[str, dict[str, Any]]:
        """What is known of every session, for tests and benchmarks."""
        shown = ("run_id", "pid", "losses", "preemptions", "taken", "closed", "ended", "steady")
        return {name: {key: getattr(box, key) for key in shown} for name, box in self.boxes.items()}


async def _change(box: Box, patience: float) -> bool:
    """Wait for a change of a box; False when `patience` seconds went by without."""
    if patience <= 0:
        return False
    try:
        await asyncio.wait_for(box.changed.wait(), patience)
    except TimeoutError:
        return False
    return True
