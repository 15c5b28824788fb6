"""Trains one phase: data, batches, model, weights; knows no store, no tracker and no cluster.

The loop is a function of the phase's identity and its parent's weights alone: batches follow from (seed, epoch), dropout and
masks from (seed, step), so a resumed phase goes on exactly as it would have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.checkpoint import Position, load_checkpoint, save_checkpoint
from training.data.batches import unit_features, unit_lengths
from training.data.draws import Draw, TaskUnits, epoch_draws
from training.data.features import Encoded
from training.data.joined import Joined
from training.errors import DataError, DivergedError
from training.identity import PhaseIdentity, Runtime
from training.losses import MicroBatch, Vocabulary, loss_of, loss_scale, micro_batches
from training.models.carry import ChainModel
from training.optimiser import build_optimiser, rate_at, set_rate
from training.tasks.row import TaskRow

Progress = Callable[[int, int, float], None]
CURVE_POINTS = 50


def silent(step: int, steps: int, loss: float) -> None:
    """A progress listener that ignores what it hears."""


def unreported(path: Path, cause: str) -> None:
    """A listener that ignores damage."""


@dataclass(frozen=True)
class Trained:
    """What a training run gives besides the model's weights."""

    steps: int
    tokens: int
    seconds: float
    curve: tuple[tuple[int, float], ...]


def all_draws(phase: PhaseIdentity, data: Sequence[Encoded]) -> list[Draw]:
    """Every optimiser step of the phase, in order; raises DataError on an empty training set."""
    sizes = [encoded.sizes if isinstance(encoded, Joined) else (len(encoded),) for encoded in data]
    if not all(all(languages) for languages in sizes):
        empty = [encoded.row.name for encoded, languages in zip(data, sizes, strict=True) if not all(languages)]
        raise DataError("a training set is empty", ", ".join(empty), "check the files and the caps of the grid")
    pool = phase.length_pool
    lengths = [_lengths(encoded) for encoded in data] if pool else []
    epochs = (
        epoch_draws(sizes, phase.batch, phase.mixing, phase.seed, epoch, lengths=lengths, pool=pool)
        for epoch in range(phase.epochs)
    )
    return [draw for epoch in epochs for draw in epoch]


def _lengths(encoded: Encoded) -> list[int]:
    parts = encoded.parts if isinstance(encoded, Joined) else (encoded,)
    return [length for part in parts for length in unit_lengths(part)]


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
    on_damage: Callable[[Path, str], None] = unreported,
) -> Trained:
    """Train `model` in place; `data` holds the phase's tasks in order.

    Goes on from `checkpoint` where there is one, and rewrites it every `checkpoint_seconds`; `on_damage` hears of one that
    can't be used. Raises DivergedError on a loss or weights that are not finite, DataError on an empty training set.
    """
    device = torch.device(runtime.device)
    model.to(device).train()
    optimiser = build_optimiser(model, phase)
    draws = all_draws(phase, data)
    found = load_checkpoint(checkpoint, model, optimiser, on_damage) if checkpoint else None
    course = _Course(phase, found or Position(), device)
    run = _Run(model, phase, data, vocabulary, runtime, device, optimiser)
    every = max(1, len(draws) // CURVE_POINTS)
    first = course.step
    for step in range(first, len(draws)):
        course.add(*run.step(draws[step], step, rate_at(phase, step, len(draws))))
        last = step + 1 == len(draws)
        if last or (step + 1) % every == 0:
            progress(step + 1, len(draws), course.close_point())
        elif step == first:
            progress(step + 1, len(draws), course.latest())
        if checkpoint and not last and course.unsaved_seconds() >= runtime.checkpoint_seconds:
            save_checkpoint(checkpoint, model, optimiser, course.position())
    _check_weights(model, phase)
    done = course.position()
    return Trained(done.step, done.tokens, done.seconds, done.curve)


def _check_weights(model: ChainModel, phase: PhaseIdentity) -> None:
    """The last step may break the weights after its loss was taken."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise DivergedError(f"the weights of {phase.name} are not finite after its last step", "", _CALMER)


_CALMER = "lower the learning rate of the space, or lengthen the warm-up"


class _Course:
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
                raise DivergedError(f"the loss of {self.phase.name} is not finite at step {step}", value, _CALMER)
        return values


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

    def step(self, draw: Draw, step: int, rate: float) -> tuple[Tensor, int]:
        """One optimiser step; returns its mean loss (on the device, not waited for) and its real tokens."""
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
        set_rate(self.optimiser, rate)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total, tokens

    def _micro_batches(self, part: TaskUnits, generator: np.random.Generator) -> Iterator[tuple[TaskRow, MicroBatch]]:
        encoded = self.data[part.source]
        features = unit_features(encoded, part.units)
        limit, rate = self.runtime.micro_batch, self.phase.mask_rate
        for batch in micro_batches(encoded.row, features, encoded.group, limit, self.vocabulary, generator, rate):
            yield encoded.row, batch
