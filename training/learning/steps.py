"""One optimiser step of a phase: gradients in micro-batches, clipping, the update, and a second try with less memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from training.data.batches import unit_features
from training.data.draws import Draw, TaskUnits
from training.data.features import Encoded, Feature
from training.data.packs import Vocabulary
from training.identity import PhaseIdentity
from training.learning.fitting import Fit, HalfUpdatedError, is_out_of_memory
from training.learning.losses import MicroBatch, loss_of, loss_scale, micro_batches
from training.learning.memory import release_memory
from training.learning.optimiser import clip_gradients, set_rate
from training.learning.precision import autocast
from training.models.carry import ChainModel
from training.tasks.row import Kind, TaskRow
from training.teams.shares import shares_of
from training.teams.team import ALONE, Team

CHECK_EVERY = 64
"""Optimiser steps from one look at whether a team's workers have the same weights to the next."""


@dataclass(frozen=True)
class Steps:
    """The parts of one training run; `step` does one optimiser step, and `fit` is the largest micro-batch.

    The workers of a `team` each have steps of their own, with the same data and weights, and take them together.
    """

    model: ChainModel
    phase: PhaseIdentity
    data: Sequence[Encoded]
    vocabulary: Vocabulary
    fit: Fit
    device: torch.device
    optimiser: torch.optim.AdamW
    team: Team = ALONE

    def step(self, draw: Draw, step: int, rate: float) -> tuple[Tensor, int]:
        """One optimiser step; returns its mean loss (on the device, not waited for) and its real tokens.

        Where memory runs out it is done again from its beginning, in smaller micro-batches: the same batch, masks and, without
        dropout, gradients. Raises OutOfMemoryFault when one example is too much, HalfUpdatedError when the weights are spoiled,
        and of a team DismissedError and TeamLostError.
        """
        while True:
            total, tokens, seen = self._tried(draw, step)
            agreed = self.team.agree(self._parameters, step, seen, tokens)
            if not agreed.seen:
                break
            # Only here, outside of the handler, has the traceback let go of the activations.
            if self.model.graphs is not None:
                self.model.graphs.drop()
            self._forget_gradients()
            release_memory()
            largest = max(share.stop - share.start for part in draw.parts for share in self._shares(part))
            self.fit.halve(min(self.fit.size or largest, largest), agreed.seen)
        if self.team.size > 1:
            if step % CHECK_EVERY == 0:
                self.team.check(self._parameters)
            total = self.team.add_up(self._parameters, agreed.present, total)
            self._clip()
        self._update(rate)
        return total, agreed.tokens

    @cached_property
    def _parameters(self) -> tuple[Tensor, ...]:
        return tuple(parameter for parameter in self.model.parameters() if parameter.requires_grad)

    def _tried(self, draw: Draw, step: int) -> tuple[Tensor, int, str]:
        """Loss and tokens of this worker's share of a step, whose gradients are there then; or what was said of memory."""
        try:
            total, tokens = self._gradients(draw, step)
            if self.team.size == 1:  # a team's are clipped when they are added up
                self._clip()
            return total, tokens, ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return torch.zeros((), device=self.device), 0, str(error).partition("\n")[0] or "out of memory"

    def _gradients(self, draw: Draw, step: int) -> tuple[Tensor, int]:
        """The gradients of this worker's share of a step; dropout is drawn anew by each."""
        torch.manual_seed(self.phase.seed * 1_000_003 + step + (self.team.rank << 40))
        generator = np.random.default_rng([self.phase.seed, step, 104_729])
        total = torch.zeros((), device=self.device)
        tokens = 0
        for part in draw.parts:
            weight = (
                len(part.units) / draw.size * loss_scale(self.data[part.source].row, self.phase.mixing, self.vocabulary.size)
            )
            for row, batch in self._micro_batches(part, generator):
                with autocast(self.device, self.phase.precision):
                    loss = loss_of(self.model, row, batch) * weight
                torch.autograd.backward(loss)
                total += loss.detach()
                tokens += batch.tokens
        return total, tokens

    def _clip(self) -> None:
        clip_gradients(self.model, self.model.embeddings, self.phase.clip)

    def _update(self, rate: float) -> None:
        set_rate(self.optimiser, rate)
        try:
            self.optimiser.step()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise HalfUpdatedError(str(error).partition("\n")[0]) from None
            raise
        self._forget_gradients()

    def _forget_gradients(self) -> None:
        """Gradients that CUDA graphs add to stay where they are."""
        kept = set(map(id, self.model.graphs.kept)) if self.model.graphs is not None else set()
        for parameter in self._parameters:
            if id(parameter) not in kept:
                parameter.grad = None
        if kept:
            self.optimiser.zero_grad(set_to_none=False)

    def _micro_batches(self, part: TaskUnits, generator: np.random.Generator) -> Iterator[tuple[TaskRow, MicroBatch]]:
        encoded = self.data[part.source]
        features, rate = unit_features(encoded, part.units), self.phase.mask_rate
        share = self._cut(encoded, features)[self.team.rank]
        limit, row = self.fit.size, encoded.row
        cut = micro_batches(row, features, encoded.group, limit, self.vocabulary, generator, rate, self.device, share)
        for batch in cut:
            yield row, batch

    def _shares(self, part: TaskUnits) -> tuple[slice, ...]:
        encoded = self.data[part.source]
        return self._cut(encoded, unit_features(encoded, part.units))

    def _cut(self, encoded: Encoded, features: Sequence[Feature]) -> tuple[slice, ...]:
        """Which units each worker takes; the pairs of retrieval, which belong together, are the leader's."""
        units, others = len(features) // encoded.group, self.team.size - 1
        if encoded.row.kind is Kind.RETRIEVAL or not others:
            return (slice(0, units), *[slice(0, 0)] * others)
        tokens = np.fromiter(map(len, features), np.int64, len(features)).reshape(units, encoded.group)
        return shares_of(tokens.sum(axis=1).tolist(), self.team.size)
