"""Where a sweep stands at one moment: what the live table, the plain lines and `sweep status` have in common.

A launch writes what only it knows (the budget, the time it expects to need) to `standing.json` every few seconds, so that other
shells show the same.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.watch.glances import Glance
from sweep.watch.tally import Tally
from training.identity import Role

STANDING = "standing.json"
"""What a running launch leaves for other shells."""
BUSY = ("starting", "running", "stopping")
INTERVAL = 5.0
"""Seconds between two writings of `standing.json`."""


@dataclass
class Pace:
    """How fast a launch gets on; rates are None before its first record.

    Time left assumes that what is open takes as long as what this launch has done so far, and that trials under way are half
    done. What only the beginning takes is left out: the time before the first trial, and pretraining, for which every trial
    waits, and which none has to do again. Models that are pretrained at once take their time together.
    """

    began: float
    clock: Callable[[], float] = time.time
    settled: int = 0
    tokens: int = 0
    pretrained: list[tuple[float, float]] = field(default_factory=list)
    first: float = math.inf

    def note(self, seen: Glance) -> None:
        """Count a record of this launch."""
        self.settled += 1
        self.tokens += sum(phase.tokens for phase in seen.phases if phase.trained)
        took = sum(phase.seconds for phase in seen.phases if phase.trained and phase.role == Role.PRETRAIN)
        first = max((seen.written or self.clock()) - seen.seconds, self.began)
        self.first = min(self.first, first)
        if took:
            self.pretrained.append((first, first + took))

    @property
    def pretraining(self) -> float:
        """Seconds in which a model was pretrained, or several: a trial begins with it."""
        found, reached = 0.0, self.began
        for first, last in sorted(self.pretrained):
            found += max(last - max(first, reached), 0.0)
            reached = max(reached, last)
        return found

    @property
    def seconds(self) -> float:
        """Seconds since the launch began."""
        return max(self.clock() - self.began, 1e-3)

    @property
    def trials_an_hour(self) -> float | None:
        """Records an hour."""
        return 3600 * self.settled / self.seconds if self.settled else None

    @property
    def tokens_a_second(self) -> float | None:
        """Real tokens of finished phases a second."""
        return self.tokens / self.seconds if self.tokens else None

    def left(self, trials: int, running: int = 0) -> float | None:
        """Seconds that so many trials without a record take, of which `running` are under way."""
        if not self.settled:
            return None
        worked = max(self.seconds - (self.first - self.began) - self.pretraining, 0.0)
        half = min(running, trials) / 2
        return worked / (self.settled + half) * max(trials - half, 0.0)


@dataclass
class Standing:
    """One moment of a sweep. `live` is what running trials are doing, `running` how many of them there are.

    `budget` says what is spent of what, `left` is the time left in seconds (None: unknown).
    """

    tally: Tally
    pace: Pace
    live: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    state: str = "running"
    budget: str = ""
    left: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a launch is at work."""
        return self.state in BUSY

    @property
    def working(self) -> dict[str, int]:
        """Name of each pair that has running trials, and how many (of those whose live file is known)."""
        found: dict[str, int] = {}
        for state in self.live:
            name = pair_of(str(state.get("trial", "")))
            found[name] = found.get(name, 0) + 1
        return found


def pair_of(trial: str) -> str:
    """Name of the pair of a trial `<pair>-<setting>-s<seed>--<digest>`."""
    return trial.rpartition("--")[0].rsplit("-", 2)[0]


def write_standing(run: Path, standing: Standing) -> None:
    """Leave for other shells what only the launch knows; that it can't be written is no reason to stop."""
    payload = {"updated": time.time(), "budget": standing.budget, "left": standing.left, "running": standing.running}
    temporary = run / f".{STANDING}.tmp"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(payload), encoding="utf-8")
        temporary.replace(run / STANDING)


def read_standing(run: Path) -> dict[str, Any]:
    """What the launch left; empty where there is nothing that can be read."""
    with contextlib.suppress(OSError, ValueError):
        payload = json.loads((run / STANDING).read_bytes())
        return payload if isinstance(payload, dict) else {}
    return {}
