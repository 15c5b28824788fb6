"""What is to befall a sweep: strokes drawn from a seed, each a victim and an event, given to the witness one by one."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITNESS = Path(__file__).with_name("witness")
TRAINING = {"step": 12, "saved": 3, "tensors": 3, "begun": 1}
"""Events of a worker that trains, and how many of them are waited for at most."""
WRITING = {"manifest": 1, "published": 1, "recording": 1, "recorded": 1, "pausing": 1, "paused": 1, "scored": 2}
SEARCHING = {"asked": 2, "telling": 1, "told": 1}
MOMENTS: Mapping[str, Mapping[str, int]] = {
    "worker": TRAINING | WRITING,
    "driver": TRAINING | WRITING | SEARCHING,
    "head": TRAINING | WRITING | SEARCHING,
    "store": {"step": 6, "begun": 1, "saving": 2, "publishing": 1, "recording": 1, "pausing": 1, "asked": 2, "telling": 1},
    "database": {"step": 6, "told": 1, "asked": 2, "recorded": 1},
    "server": {"step": 6, "told": 1, "asked": 2, "recorded": 1},
}
"""Victim -> the events at which it may be struck."""
OFTEN = 3
"""How much more often a stroke falls while a phase is trained, where it is not waited for long, than at any other event."""
BRIEF = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN)
LONG = (errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN)
"""Errors of a storage out of reach. EIO that stays is a damaged disk, and another matter."""
ROOMS = ("phases", "phases", "records", "rungs")
DATABASES = ("lock optuna.db", "remove optuna.db", "remove mlflow.db")


@dataclass(frozen=True)
class Stroke:
    """One thing that befalls a sweep: at the `after`-th `event` from now `victim` is struck; `how` says what exactly."""

    victim: str
    event: str
    after: int
    how: str = ""
    errno: int = 0
    calls: int = 0

    def order(self, run: Path) -> dict[str, Any]:
        """What the witness is told, besides who is to be killed."""
        said: dict[str, Any] = {"victim": self.victim, "event": self.event, "after": self.after}
        if self.victim == "store":
            said["outage"] = {"root": str(run / self.how), "errno": self.errno, "calls": self.calls}
        if self.how.startswith("remove"):
            name = self.how.split()[1]
            said["remove"] = [f"{run / name}{end}" for end in ("", "-wal", "-shm", "-journal")]
        return said


def draw(dice: random.Random, numbers: Mapping[str, int]) -> list[Stroke]:
    """So many strokes of each victim, in any order."""
    victims = [victim for victim, number in numbers.items() for _ in range(number)]
    dice.shuffle(victims)
    return [_stroke(dice, victim) for victim in victims]


def _stroke(dice: random.Random, victim: str) -> Stroke:
    moments = MOMENTS[victim]
    event = dice.choices(list(moments), [OFTEN if event in TRAINING else 1 for event in moments])[0]
    after = dice.randint(1, moments[event])
    if victim == "store":
        brief = dice.random() < 0.6
        calls = dice.randint(1, 4) if brief else dice.randint(5, 60)
        return Stroke(victim, event, after, dice.choice(ROOMS), dice.choice(BRIEF if brief else LONG), calls)
    how = {"database": DATABASES, "head": ("gcs", "raylet", "all")}.get(victim, ("",))
    return Stroke(victim, event, after, dice.choice(how))


class Witness:
    """The test's side of the witness: its folder, the orders that are given, and what was seen."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder

    def environment(self, launch: str) -> dict[str, str]:
        """What a process and all that it starts need to be looked at; `launch` names it (empty: no launch's own)."""
        root = WITNESS.parents[2]
        path = os.pathsep.join([str(WITNESS), str(root)])
        told = {"PYTHONPATH": path, "SWEEP_CRASH_WITNESS": str(self.folder), "SWEEP_CRASH_LAUNCH": launch}
        return told | {"RAY_worker_niceness": "0"}  # Ray's 15 leaves workers nothing on a machine that is busy

    def give(self, stroke: Stroke, run: Path, launch: str, driver: int, kill: list[int]) -> None:
        """Order a stroke; `kill` are the processes to be killed at it, `driver` the launch's own."""
        order = stroke.order(run) | {"launch": launch, "driver": [driver], "kill": kill}
        beside = self.folder / ".given"
        beside.write_text(json.dumps(order))
        beside.replace(self.folder / "order.json")

    @property
    def pending(self) -> bool:
        """Whether an order has not been carried out yet."""
        return (self.folder / "order.json").exists()

    def withdraw(self) -> bool:
        """Take back an order, and end what fails; whether the order was still pending."""
        (self.folder / "outage.json").unlink(missing_ok=True)
        try:
            (self.folder / "order.json").unlink()
        except FileNotFoundError:
            return False
        return True

    def count(self) -> int:
        """How many events were seen so far."""
        path = self.folder / "events"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def events(self) -> list[dict[str, Any]]:
        """Everything that was seen so far, in order."""
        path = self.folder / "events"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
