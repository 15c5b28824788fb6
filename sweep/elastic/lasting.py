"""When a phase is too long for machines that are taken away, and goes to one that stays: the rule, and what it learns.

A cluster says which machines are never taken away by the resource `on_demand` of their node type. The others are watched: for
how long legs have worked on them, and how often one lost its machine. That gives the mean time between two losses,

    hours worked / (losses + 1/2)

with Jeffreys' prior for a rate, and no opinion below `LEAST` losses. A leg whose longest phase is expected to need more time
than that asks for a machine that stays. What was learned is kept in the run folder, so that the next launch begins with it.
It imports nothing heavy: the mailbox of the sessions decides by it.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

from training.errors import UserError
from training.files.storage import write_atomically

STEADY = "on_demand"
"""The resource of machines that are never taken away."""
TOUCH = 0.001
"""How much of it a worker asks for: it only says which machines will do."""
LEAST, PRIOR = 2, 0.5
FILE = "losses.json"


@dataclass(frozen=True)
class Exposure:
    """Seconds that legs have worked on machines that may be taken away, and how many of them were."""

    seconds: float = 0.0
    losses: int = 0

    @property
    def between(self) -> float:
        """Mean seconds between two losses; infinite where too few were seen to say."""
        return self.seconds / (self.losses + PRIOR) if self.losses >= LEAST else math.inf

    def plus(self, seconds: float, losses: int = 0) -> Exposure:
        """With so much more of both."""
        return Exposure(self.seconds + max(0.0, seconds), self.losses + losses)


def remaining(expected: float, worked: float) -> float:
    """Seconds that a phase still needs; an estimate that was passed says nothing, so it is taken to need as long again."""
    return expected - worked if worked < expected else worked


def goes_to_steady(seconds: float, seen: Exposure) -> bool:
    """Whether a phase that still needs so many seconds is to run where nothing is taken away."""
    return seconds > seen.between


def with_steady(wanted: dict[str, float]) -> dict[str, float]:
    """What a worker holds that asks for a machine that stays."""
    return {**wanted, STEADY: TOUCH}


def read_exposure(run: Path) -> Exposure:
    """What earlier launches of a run folder have learned; nothing where they left nothing that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((run / FILE).read_bytes())
        seconds, losses = float(found["seconds"]), int(found["losses"])
        if math.isfinite(seconds) and seconds >= 0 and losses >= 0:
            return Exposure(seconds, losses)
    return Exposure()


def write_exposure(run: Path, seen: Exposure) -> None:
    """Keep what was learned; a disk that takes nothing costs only this."""
    with contextlib.suppress(UserError, OSError):
        write_atomically(run / FILE, json.dumps({"seconds": round(seen.seconds, 1), "losses": seen.losses}).encode() + b"\n")
