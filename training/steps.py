"""One optimiser step of a phase: gradients in micro-batches, clipping, the update, and a second try with less memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.batches import unit_features
from training.data.draws import Draw, TaskUnits
from training.data.features import Encoded
from training.fitting import Fit, HalfUpdatedError, is_out_of_memory
from training.identity import PhaseIdentity
from training.losses import MicroBatch, Vocabulary, loss_of, loss_scale, micro_batches
from training.memory import release_memory
from training.models.carry import ChainModel
from training.optimiser import set_rate
from training.tasks.row import TaskRow


@dataclass(frozen=True)
class Steps:
    """The parts of one training run; `step` does one optimiser step, and `fit` is the largest micro-batch."""

    model: ChainModel
    phase: PhaseIdentity
    data: Sequence[Encoded]
    vocabulary: Vocabulary
    fit: Fit
    device: torch.device
    optimiser: torch.optim.AdamW

    def step(self, draw: Draw, step: int, rate: float) -> tuple[Tensor, int]:
        """One optimiser step; returns its mean loss (on the device, not waited for) and its real tokens.

        Where memory runs out it is done again from its beginning, in smaller micro-batches: the same batch, masks and, without
        dropout, gradients. Raises OutOfMemoryFault when one example is too much, HalfUpdatedError when the weights are spoiled.
        """
        while True:
            try:
                found = self._gradients(draw, step)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                seen = str(error).partition("\n")[0]
            # Only here, outside of the handler, has the traceback let go of the activations.
            self.optimiser.zero_grad(set_to_none=True)
            release_memory()
            largest = max(len(part.units) for part in draw.parts)
            self.fit.halve(min(self.fit.size or largest, largest), seen)
        self._update(rate)
        return found

    def _gradients(self, draw: Draw, step: int) -> tuple[Tensor, int]:
        """The clipped gradients of a step."""
        torch.manual_seed(self.phase.seed * 1_000_003 + step)
        generator = np.random.default_rng([self.phase.seed, step, 104_729])
        total = torch.zeros((), device=self.device)
        tokens = 0
        for part in draw.parts:
            weight = (
                len(part.units) / draw.size * loss_scale(self.data[part.source].row, self.phase.mixing, self.vocabulary.size)
            )
            for row, batch in self._micro_batches(part, generator):
                loss = loss_of(self.model, row, batch, self.vocabulary, self.device) * weight
                torch.autograd.backward(loss)
                total += loss.detach()
                tokens += sum(len(feature) for feature in batch.features)
        if self.phase.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.phase.clip)
        return total, tokens

    def _update(self, rate: float) -> None:
        set_rate(self.optimiser, rate)
        try:
            self.optimiser.step()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise HalfUpdatedError(str(error).partition("\n")[0]) from None
            raise
        self.optimiser.zero_grad(set_to_none=True)

    def _micro_batches(self, part: TaskUnits, generator: np.random.Generator) -> Iterator[tuple[TaskRow, MicroBatch]]:
        encoded = self.data[part.source]
        features = unit_features(encoded, part.units)
        limit, rate = self.fit.size, self.phase.mask_rate
        for batch in micro_batches(encoded.row, features, encoded.group, limit, self.vocabulary, generator, rate):
            yield encoded.row, batch
