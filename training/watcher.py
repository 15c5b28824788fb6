"""Who hears how a chain goes on."""

from __future__ import annotations

from typing import Protocol

from training.identity import PhaseIdentity
from training.record import PhaseTrace


class Watcher(Protocol):
    """Hears how a chain goes on; every method may be left empty."""

    def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
        """A phase begins to train."""

    def encoding(self, subject: str, done: int, total: int) -> None:
        """Some examples of a file are tokenised."""

    def step(self, step: int, steps: int, loss: float) -> None:
        """Some optimiser steps are done."""

    def phase_done(self, trace: PhaseTrace) -> None:
        """A phase is in the store."""


class Unwatched:
    """A watcher that ignores everything."""

    def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
        """Ignored."""

    def encoding(self, subject: str, done: int, total: int) -> None:
        """Ignored."""

    def step(self, step: int, steps: int, loss: float) -> None:
        """Ignored."""

    def phase_done(self, trace: PhaseTrace) -> None:
        """Ignored."""
