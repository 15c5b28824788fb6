"""How far a training run has come: steps, tokens, time, and the loss curve."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from training.errors import DivergedError
from training.identity import PhaseIdentity
from training.learning.checkpoint import Position

CALMER = "lower the learning rate of the space, or lengthen the warm-up"


class Course:
    """How far a run has come, and when it was last saved; losses stay on the device until they are asked for."""

    def __init__(self, phase: PhaseIdentity, start: Position, device: torch.device) -> None:
        self.phase, self.step, self.tokens = phase, start.step, start.tokens
        self._curve = list(start.curve)
        self._recent = [torch.tensor(loss, device=device) for loss in start.recent]
        self._begun = time.monotonic() - start.seconds
        self._saved = time.monotonic()

    def add(self, loss: Tensor, tokens: int) -> None:
        """One more step is done."""
        self.step += 1
        self.tokens += tokens
        self._recent.append(loss)

    def close_point(self) -> float:
        """Put the mean loss of the steps since the last point into the curve."""
        losses = self._losses()
        mean = round(sum(losses) / len(losses), 6)
        self._curve.append((self.step, mean))
        self._recent.clear()
        return mean

    def latest(self) -> float:
        """The loss of the last step, waited for."""
        return self._losses()[-1]

    def unsaved_seconds(self) -> float:
        """Seconds since the last checkpoint, or the start."""
        return time.monotonic() - self._saved

    def position(self) -> Position:
        """What a checkpoint keeps; raises DivergedError on a loss that is not finite."""
        self._saved = time.monotonic()
        return Position(
            step=self.step,
            tokens=self.tokens,
            seconds=self._saved - self._begun,
            curve=tuple(self._curve),
            recent=tuple(self._losses()),
        )

    def _losses(self) -> list[float]:
        """The losses since the last point of the curve; raises DivergedError naming the first that is not finite."""
        values: list[float] = torch.stack(self._recent).tolist() if self._recent else []
        for place, value in enumerate(values):
            if not np.isfinite(value):
                step = self.step - len(values) + place + 1
                raise DivergedError(f"the loss of {self.phase.name} is not finite at step {step}", value, CALMER)
        return values
