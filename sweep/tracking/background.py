"""Mirroring in the background of a sweep: a thread that takes records, and never gives the sweep an error."""

from __future__ import annotations

import logging
import queue
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sweep.masking import masked
from sweep.tracking.mirror import reason_of
from training.errors import UserError
from training.record import TrialRecord

PAUSE = 60.0
"""Seconds for which MLflow is left alone after it failed."""


class Mirror(Protocol):
    """What records are mirrored to: a `Tracker`."""

    @property
    def run_folder(self) -> Path:
        """The run folder whose records it mirrors."""

    def mirror(self, record: TrialRecord) -> bool:
        """Bring one record to it."""

    def finish(self) -> None:
        """The launch is over."""

    def summarise(self) -> None:
        """Its page is brought to what the run folder says."""


class MirrorQueue:
    """Mirrors records one after the other in a thread of its own.

    After a failure MLflow is left alone for a minute, and what was missed is tried again then, and by `close`. `warn` is told
    of a failure once, with the command that makes up for it, and again when nothing is missed any more.
    """

    def __init__(self, tracker: Mirror, warn: Callable[[str], None] | None = None, *, pause: float = PAUSE) -> None:
        """`warn` takes one line for the user (the log, by default) and is called from the mirroring thread."""
        self._tracker, self._pause = tracker, pause
        self._warn = warn or logging.getLogger(__name__).warning
        self._waiting: queue.SimpleQueue[TrialRecord | None] = queue.SimpleQueue()
        self._missed: dict[str, tuple[TrialRecord, str]] = {}
        self._pending: dict[str, TrialRecord] = {}
        self._resume_at = 0.0
        self._warned = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="mlflow-mirror", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord) -> None:
        """Hand over a record; returns at once."""
        with self._lock:
            self._pending[record.trial] = record
        self._waiting.put(record)

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        """(trial, reason) of what is not mirrored, though it was tried."""
        with self._lock:
            return tuple((trial, reason) for trial, (_, reason) in sorted(self._missed.items()))

    def close(self, timeout: float = 30.0) -> tuple[tuple[str, str], ...]:
        """Mirror what is waiting, for at most `timeout` seconds, and end; returns (trial, reason) of what is left."""
        self._waiting.put(None)
        self._thread.join(timeout)
        with self._lock:
            late = {trial: "not mirrored in time" for trial in self._pending}
        if late:
            self._say(f"{len(late)} trials were not mirrored in time")
        return tuple(sorted((late | dict(self.failed)).items()))

    def _run(self) -> None:
        while (record := self._next()) is not None:
            if self._try(record):
                self._catch_up()
        self._resume_at = 0.0
        self._catch_up(all_of_them=True)
        if not self.failed:
            try:
                self._tracker.finish()
            except Exception as error:
                self._say(_reason(error))
            else:
                self._summarise()

    def _summarise(self) -> None:
        try:
            self._tracker.summarise()
        except Exception as error:
            command = f"sweep sync --run {shlex.quote(str(self._tracker.run_folder))}"
            self._warn(f"MLflow has the trials, and not yet their table and picture ({_reason(error)}); later: {command}")

    def _next(self) -> TrialRecord | None:
        """The next record, None at the end; while none comes, what was missed is tried again."""
        while True:
            pause = max(0.0, self._resume_at - time.monotonic()) if self.failed else None
            try:
                return self._waiting.get(timeout=pause)
            except queue.Empty:
                self._catch_up()

    def _catch_up(self, *, all_of_them: bool = False) -> None:
        """Try what was missed, until the first that fails again."""
        with self._lock:
            missed = [record for record, _ in self._missed.values()]
        for record in missed:
            if not self._try(record) and not all_of_them:
                return
        if missed and self._warned and not self.failed:
            self._warned = False
            self._warn("MLflow is back, and has the trials that it missed")

    def _try(self, record: TrialRecord) -> bool:
        reason = ""
        if time.monotonic() < self._resume_at:
            reason = "MLflow was not reachable shortly before"
        else:
            try:
                self._tracker.mirror(record)
            except Exception as error:
                reason = _reason(error)
                self._resume_at = time.monotonic() + self._pause
        with self._lock:
            self._pending.pop(record.trial, None)
            self._missed.pop(record.trial, None)
            if reason:
                self._missed[record.trial] = (record, reason)
        if reason:
            self._say(reason)
        return not reason

    def _say(self, reason: str) -> None:
        if self._warned:
            return
        self._warned = True
        command = f"sweep sync --run {shlex.quote(str(self._tracker.run_folder))}"
        self._warn(f"MLflow lacks some trials ({reason}). The sweep goes on, its records are complete; later: {command}")


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, UserError) else masked(f"{type(error).__name__}: {error}")
