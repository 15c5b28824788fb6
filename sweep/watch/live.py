"""What a running trial is doing, for `sweep status` in another shell: a small file, rewritten at most twice a second.

The way back is here too: a trial whose sweep is to stop now hears of it between two steps, and says when its checkpoint is
written.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.steering.requests import LOOK, read_request
from training.identity import PhaseIdentity
from training.record import PhaseTrace

INTERVAL = 0.5
EVALUATION = "evaluation"


class LiveFile:
    """Watches a chain (`training.chain.Watcher`) and keeps its live file; one that can't be written stops no training."""

    def __init__(self, run: Path, trial: str) -> None:
        self.path = run / "live" / f"{trial}.json"
        self.state: dict[str, Any] = {"trial": trial, "pid": os.getpid(), "started": time.time()}
        self.written = 0.0
        self.run, self.looked, self.heard = run, time.monotonic(), False

    def urgent(self) -> bool:
        """Whether a checkpoint is to be written at once: true once, after `sweep stop --now`. To be asked between two steps.

        When it is asked again the checkpoint has been written, which the live file then says.
        """
        if self.heard:
            if not self.state.get("saved"):
                self.state["saved"] = True
                self._write(force=True)
            return False
        if time.monotonic() - self.looked < LOOK:
            return False
        self.looked = time.monotonic()
        request = read_request(self.run)
        self.heard = request is not None and request.now
        return self.heard

    def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
        """Note which phase is being trained."""
        self.state |= {"phase": phase.name, "number": number + 1, "phases": phases, "step": 0, "steps": 0}
        self._write(force=True)

    def encoding(self, subject: str, done: int, total: int) -> None:
        """Note which file is tokenised, and how far."""
        self.state["encoding"] = {"subject": subject, "done": done, "total": total} if done < total else None
        self._write()

    def step(self, step: int, steps: int, loss: float) -> None:
        """Note how far it is."""
        self.state |= {"step": step, "steps": steps, "loss": loss, "encoding": None}
        self._write()

    def phase_done(self, trace: PhaseTrace) -> None:
        """Note a finished phase."""
        self.state |= {"done": [*self.state.get("done", []), trace.identity.name], "phase": EVALUATION, "encoding": None}
        self._write(force=True)

    def _write(self, *, force: bool = False) -> None:
        if not force and time.monotonic() - self.written < INTERVAL:
            return
        self.written = time.monotonic()
        self.state["updated"] = time.time()
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(self.state), encoding="utf-8")
            temporary.replace(self.path)

    def remove(self) -> None:
        """The trial is over; what killed workers of it were writing goes too."""
        with contextlib.suppress(OSError):
            for path in [self.path, *self.path.parent.glob(f"{glob.escape(self.path.stem)}.*.tmp")]:
                path.unlink(missing_ok=True)


def is_saved(state: Mapping[str, Any]) -> bool:
    """Whether a live file says that ending the trial now costs no training: it wrote its checkpoint, or trains nothing."""
    training = state.get("step") and state.get("phase") != EVALUATION
    return bool(state.get("saved")) or not training


def doing(state: Mapping[str, Any]) -> str:
    """What a live file says is being done: a phase and its steps, or a file and how much of it is tokenised; empty at first."""
    encoding = state.get("encoding")
    if encoding:
        return f"tokenising {encoding['subject']} {encoding['done']}/{encoding['total']}"
    phase = str(state.get("phase", ""))
    if phase == EVALUATION:
        return phase
    return f"{phase} step {state.get('step', 0)}/{state['steps']}" if phase and state.get("steps") else phase


def read_live(run: Path, most: int | None = None) -> list[dict[str, Any]]:
    """What the live files say (of the first `most`), oldest trial first; unreadable ones (being replaced) are left out."""
    found = []
    paths: list[Path] = []
    with contextlib.suppress(OSError):
        paths = sorted((run / "live").glob("*.json"))[:most]
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return sorted(found, key=lambda state: state.get("started", 0.0))
