"""What watching needs of a record, read quickly: ten thousand records in seconds, and each of them once.

Records never change once they are written, so a reader that is asked again reads the new ones alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.files.codec import to_payload
from training.record import RECORDS, Status, TrialRecord, payload_of


@dataclass(frozen=True, kw_only=True)
class PhaseGlance:
    """One phase of a trial: its key and role, whether this trial trained it, its real tokens and its seconds of training."""

    key: str
    role: str
    trained: bool
    tokens: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Glance:
    """One trial; `score` is its English dev score in percent, `seconds` its wall-clock time, `rungs` how many it reached."""

    trial: str
    study: str
    number: int
    seed: int
    status: Status
    score: float | None
    reason: str
    seconds: float
    rungs: int
    phases: tuple[PhaseGlance, ...]
    written: float = 0.0


def glance(record: TrialRecord) -> Glance:
    """What watching needs of a record that is not read from a file."""
    return _glance(to_payload(record), 0.0)


def _glance(payload: dict[str, Any], written: float) -> Glance:
    chosen = payload.get("selection")
    return Glance(
        trial=payload["trial"],
        study=payload["study"],
        number=int(payload["number"]),
        seed=int(payload["seed"]),
        status=Status(payload["status"]),
        score=None if chosen is None else float(chosen["score"]),
        reason=payload.get("reason", ""),
        seconds=float(payload.get("timing", {}).get("seconds", 0.0)),
        rungs=len(payload.get("rungs", ())),
        phases=tuple(
            PhaseGlance(
                key=phase["key"],
                role=phase["identity"]["role"],
                trained=phase["outcome"] == "trained",
                tokens=int(phase["tokens"]),
                seconds=float(phase["seconds"]),
            )
            for phase in payload.get("phases", ())
        ),
        written=written,
    )


@dataclass
class GlanceReader:
    """Reads the records of a run folder, or (`room` is `rungs`) its trials that wait at a rung.

    `damaged` names the files that the last reading could make nothing of.
    """

    run: Path
    room: str = RECORDS
    known: dict[str, Glance] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)

    def read(self) -> list[Glance]:
        """Those that were not there before; damaged ones are left out, as are those of another version."""
        fresh = []
        self.damaged = set()
        for name, path, written in self._files():
            before = self.known.get(name)
            if before is not None and before.written == written:
                continue
            try:
                self.known[name] = _glance(payload_of(Path(path).read_bytes()), written)
                fresh.append(self.known[name])
            except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
                self.damaged.add(name)
        return fresh

    def read_all(self) -> list[Glance]:
        """All that are there now, by name."""
        self.read()
        there = {name for name, _, _ in self._files()}
        self.known = {name: found for name, found in self.known.items() if name in there}
        return [self.known[name] for name in sorted(self.known)]

    def _files(self) -> Iterator[tuple[str, str, float]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.run / self.room) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.name, entry.path, entry.stat().st_mtime
