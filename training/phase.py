"""Trains one phase: data, batches, model, weights; knows no store, no tracker and no cluster.

The loop is a function of the phase's identity and its parent's weights alone: batches follow from (seed, epoch), dropout and
masks from (seed, step), so a resumed phase goes on exactly as it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.course import CALMER, Course
from training.data.batches import unit_lengths
from training.data.draws import Draw, epoch_draws
from training.data.features import Encoded
from training.data.joined import Joined
from training.errors import DataError, DivergedError
from training.fitting import MORE_MEMORY, Fit, Notes
from training.identity import PhaseIdentity, Runtime
from training.losses import Vocabulary
from training.models.carry import ChainModel
from training.optimiser import allocate_moments, build_optimiser
from training.resume import Checkpoints, Notice, Trunk
from training.schedule import curve_every, rate_at
from training.steps import Steps

Progress = Callable[[int, int, float], None]


def silent(step: int, steps: int, loss: float) -> None:
    """A progress listener that ignores what it hears."""


def unreported(path: Path, cause: str) -> None:
    """A listener that ignores damage."""


@dataclass(frozen=True)
class Trained:
    """What a training run gives besides the model's weights: what the phase contains by now, whoever trained it.

    `steps` of the phase's `of` steps are done; this run began after `first_step` of them. `tokens` are real tokens.
    """

    steps: int
    tokens: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    first_step: int = 0
    of: int = 0


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
    trunk: Trunk | None = None,
    until: float = 1.0,
    notice: Notice | None = None,
    notes: Notes | None = None,
    progress: Progress = silent,
    on_damage: Callable[[Path, str], None] = unreported,
) -> Trained:
    """Train `model` in place, to the end or as far as the share `until` of its steps; `data` holds the phase's tasks in order.

    Goes on from `checkpoint`, or from what `trunk` has, where that is further. `checkpoint` is rewritten every
    `checkpoint_seconds`, at a `notice`, and where the run ends before the phase does; `on_damage` hears of one that can't be
    used. `notes` know how large a micro-batch may be.

    Raises DivergedError on a loss or weights that are not finite, DataError on an empty training set, OutOfMemoryFault where a
    single example is too much, HalfUpdatedError where the model is spoiled and the phase has to be begun again, StoreError
    where a checkpoint can't be written, what the trunk's claim raises, and torch's own error where the model does not fit.
    """
    device = torch.device(runtime.device)
    model.to(device).train()
    optimiser = build_optimiser(model, phase)
    draws = all_draws(phase, data)
    steps, every = len(draws), curve_every(phase, len(draws))
    kept = Checkpoints(
        phase, steps, until, checkpoint, trunk, runtime.checkpoint_seconds, notice or Notice(), on_damage=on_damage
    )
    with kept.begun(model, optimiser) as position:
        allocate_moments(optimiser)
        course = Course(phase, position, device)
        run = Steps(model, phase, data, vocabulary, micro_batch_fit(phase, data, runtime, notes), device, optimiser)
        for step in range(position.step, kept.stop):
            course.add(*run.step(draws[step], step, rate_at(phase, step, steps)))
            if course.step == steps or course.step % every == 0:
                progress(course.step, steps, course.close_point())
            elif step == position.step or course.step == kept.stop:
                progress(course.step, steps, course.latest())
            kept.after(course, model, optimiser)
        _check_weights(model, phase)
        kept.ended(course, model, optimiser)
    done = course.position()
    return Trained(done.step, done.tokens, done.seconds, done.curve, first_step=position.step, of=steps)


def micro_batch_fit(phase: PhaseIdentity, data: Sequence[Encoded], runtime: Runtime, notes: Notes | None) -> Fit:
    """The largest micro-batch of a phase: what was asked for, or less where it is known not to fit."""
    kinds = "+".join(sorted({encoded.row.kind.value for encoded in data}))
    longest = max(use.max_length for use in phase.tasks)
    subject = f"a micro-batch of {kinds} with {longest} tokens"
    return Fit(runtime.micro_batch, subject, "examples", notes, f"lower the `max_length` of the task, or {MORE_MEMORY}")


def _check_weights(model: ChainModel, phase: PhaseIdentity) -> None:
    """The last step may break the weights after its loss was taken."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise DivergedError(f"the weights of {phase.name} are not finite after its last step", "", CALMER)
