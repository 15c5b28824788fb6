"""What the launch knows of machines that stay: how many there may be, who asks for one, and what was learned of losses.

The mailbox decides (`sweep.executors.mailbox`). This asks it now and then, tells the user, and keeps what it has learned in
the run folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import ray

from sweep.amounts import duration
from sweep.elastic.lasting import STEADY, Exposure, read_exposure, with_steady, write_exposure
from sweep.elastic.nodes import Amounts, Offer, places_on
from sweep.executors.mailbox import NO_NODE

WAIT = 10.0
"""Seconds that a call to the mailbox may take."""
WAIT_VARIABLE = "SWEEP_ON_DEMAND_WAIT"
"""Seconds that a leg waits for a machine that stays."""


def steady_places(wanted: Amounts, nodes: Iterable[Amounts], offer: Offer | None) -> int:
    """How many workers that hold `wanted` fit machines that stay, up or to come; 0 where no node type says so."""
    asked = with_steady(dict(wanted))
    kinds = tuple(kind for kind in offer.types if STEADY in kind.resources) if offer else ()
    to_come = Offer(kinds, offer.most).places(asked) if offer else 0
    return max(to_come, sum(places_on(node, asked) for node in nodes))


class Watched:
    """The launch's view of the mailbox `mail`, for the run folder `run`."""

    def __init__(self, mail: Any, run: Path, places: int, say: Callable[[str], None] = lambda text: None) -> None:
        self.mail, self.run, self.places, self.say = mail, run, places, say
        self.legs: Mapping[str, bool] = {}
        self.seen = read_exposure(run)
        self._told: set[str] = set()
        mail.teach.remote(self.seen, places, float(os.environ.get(WAIT_VARIABLE) or NO_NODE))

    @property
    def waiting(self) -> bool:
        """Whether a leg asks for a machine that stays and has none yet."""
        return not all(self.legs.values())

    def look(self) -> None:
        """Ask the mailbox; tells of each leg once that it goes to a machine that stays."""
        with contextlib.suppress(ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
            self.legs, seen = ray.get([self.mail.steady.remote(), self.mail.exposure.remote()], timeout=WAIT)
            if seen.losses != self.seen.losses:
                write_exposure(self.run, seen)
            self.seen = seen
        for leg in sorted(self.legs.keys() - self._told):
            self.say(f"{leg} goes to an on-demand machine: {_why(self.seen)}")
        self._told.update(self.legs)

    def bundles(self, leg: str, bundles: list[dict[str, float]]) -> list[dict[str, float]]:
        """What the workers of a leg ask for."""
        return [with_steady(bundle) for bundle in bundles] if leg in self.legs else bundles

    def close(self) -> None:
        """Keep what was learned."""
        self.look()
        if self.seen.seconds:
            write_exposure(self.run, self.seen)


def _why(seen: Exposure) -> str:
    return f"{seen.losses} machines were lost in {duration(seen.seconds)} of work, and its phase needs longer than they last"
