"""Trains one phase: data, batches, model, weights; knows no store, no tracker and no cluster.

The loop is a function of the phase's identity and its parent's weights alone: batches follow from (seed, epoch), dropout and masks from
(seed, step), so a resumed phase goes on exactly as it would have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.checkpoint import Position, load_checkpoint, save_checkpoint
from training.data.batches import Draw, epoch_draws, unit_features
from training.data.encode import Encoded
from training.errors import DataError, DivergedError
from training.identity import PhaseIdentity, Runtime
from training.losses import Vocabulary, loss_of, micro_batches
from training.models.carry import ChainModel
from training.optimiser import build_optimiser, finite, rate_at, set_rate

Progress = Callable[[int, int, float], None]
CURVE_POINTS = 50


def silent(step: int, steps: int, loss: float) -> None:
    """A progress listener that ignores what it hears."""


@dataclass(frozen=True)
class Trained:
    """What a training run gives besides the model's weights."""

    steps: int
    tokens: int
    seconds: float
    curve: tuple[tuple[int, float], ...]


def all_draws(phase: PhaseIdentity, data: Sequence[Encoded]) -> list[Draw]:
    """Every optimiser step of the phase, in order."""
    sizes = [len(encoded) for encoded in data]
    if not all(sizes):
        empty = [encoded.row.name for encoded in data if not len(encoded)]
        raise DataError("a training set is empty", ", ".join(empty), "check the files and the caps of the grid")
    return [draw for epoch in range(phase.epochs) for draw in epoch_draws(sizes, phase.batch, phase.mixing, phase.seed, epoch)]


def vocabulary_of(model: ChainModel, tokenizer: Any) -> Vocabulary:
    """What batches need to know of a model and its tokenizer."""
    mask = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    return Vocabulary(
        pad=int(tokenizer.pad_token_id),
        mask=int(mask),
        size=int(model.backbone.config.vocab_size),
        types=int(getattr(model.backbone.config, "type_vocab_size", 1)) > 1,
    )


def train_phase(
    model: ChainModel,
    phase: PhaseIdentity,
    data: Sequence[Encoded],
    vocabulary: Vocabulary,
    runtime: Runtime,
    *,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train `model` in place; `data` holds the phase's tasks in order.

    Raises DivergedError on a loss that is not finite, DataError on an empty training set.
    """
    device = torch.device(runtime.device)
    model.to(device).train()
    optimiser = build_optimiser(model, phase)
    draws = all_draws(phase, data)
    done = (load_checkpoint(checkpoint, model, optimiser) if checkpoint else None) or Position(
        step=0, tokens=0, seconds=0.0, curve=()
    )
    run = _Run(model, phase, data, vocabulary, runtime, device, optimiser)
    every = max(1, len(draws) // CURVE_POINTS)
    curve, tokens, recent = list(done.curve), done.tokens, [torch.zeros(())] * 0
    started = saved = time.monotonic()
    for step in range(done.step, len(draws)):
        loss, seen = run.step(draws[step], step, rate_at(phase, step, len(draws)))
        recent.append(loss)
        tokens += seen
        if (step + 1) % every == 0 or step + 1 == len(draws):
            mean = _mean_loss(recent, phase, step)
            curve.append((step + 1, mean))
            recent.clear()
            progress(step + 1, len(draws), mean)
            if checkpoint and time.monotonic() - saved >= runtime.checkpoint_seconds and step + 1 < len(draws):
                elapsed = done.seconds + time.monotonic() - started
                save_checkpoint(
                    checkpoint, model, optimiser, Position(step=step + 1, tokens=tokens, seconds=elapsed, curve=tuple(curve))
                )
                saved = time.monotonic()
    return Trained(len(draws), tokens, done.seconds + time.monotonic() - started, tuple(curve))


def _mean_loss(recent: Sequence[torch.Tensor], phase: PhaseIdentity, step: int) -> float:
    mean = float(torch.stack(list(recent)).mean())
    if not finite([mean]):
        remedy = "lower the learning rate of the space, or lengthen the warm-up"
        raise DivergedError(f"the loss of {phase.name} is not finite at step {step + 1}", mean, remedy)
    return round(mean, 6)


@dataclass(frozen=True)
class _Run:
    """The parts of one training run; `step` does one optimiser step."""

    model: ChainModel
    phase: PhaseIdentity
    data: Sequence[Encoded]
    vocabulary: Vocabulary
    runtime: Runtime
    device: torch.device
    optimiser: torch.optim.AdamW

    def step(self, draw: Draw, step: int, rate: float) -> tuple[torch.Tensor, int]:
        """One optimiser step; returns its mean loss (on the device, not waited for) and its real tokens."""
        torch.manual_seed(self.phase.seed * 1_000_003 + step)
        generator = np.random.default_rng([self.phase.seed, step, 104_729])
        total = torch.zeros((), device=self.device)
        tokens = 0
        for row, batch in self._micro_batches(draw, generator):
            loss = loss_of(self.model, row, batch, self.vocabulary, self.device)
            loss.backward()
            total += loss.detach()
            tokens += sum(len(feature) for feature in batch.features)
        if self.phase.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.phase.clip)
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total, tokens

    def _micro_batches(self, draw: Draw, generator: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        encoded = self.data[draw.source]
        features = unit_features(encoded, draw.units)
        for batch in micro_batches(encoded.row, features, encoded.group, self.runtime.micro_batch, self.vocabulary, generator):
            yield encoded.row, batch
