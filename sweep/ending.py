"""How the latest launch of a run folder ended, for every shell that asks afterwards: one small file, written last.

A launch removes it when it begins, so a run folder that nobody holds and that has none was left by a kill.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from training.errors import UserError
from training.files.codec import canonical, from_payload
from training.files.storage import write_atomically

ENDING = "ending.json"


class EndState(StrEnum):
    """Why a launch ended.

    Nothing is left to run; something was left out for lack of budget or time; the user stopped it; a fault did.
    """

    FINISHED = "finished"
    LEFT_OUT = "left out"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Trials of one pair that were never started, and why."""

    pair: str
    trials: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end of a launch. `reason` is a fatal fault's text, `seconds` the launch's wall-clock time, `at` when it ended (UTC).

    `budget` says what was spent of what.
    """

    state: EndState
    reason: str = ""
    seconds: float = 0.0
    at: str = ""
    left_out: tuple[LeftOut, ...] = ()
    budget: str = ""


def write_ending(run: Path, ending: Ending) -> None:
    """Write it atomically; raises StoreError (StorageFullError on a full disk)."""
    write_atomically(run / ENDING, canonical(ending) + b"\n")


def read_ending(run: Path) -> Ending | None:
    """How the latest launch ended; None while it runs, after a kill, and where the file can't be read."""
    try:
        return from_payload(Ending, json.loads((run / ENDING).read_bytes()), ENDING)
    except (OSError, ValueError, UserError):
        return None


def forget_ending(run: Path) -> None:
    """A launch begins."""
    (run / ENDING).unlink(missing_ok=True)
