"""Trains one phase: data, batches, model, weights; knows no store, no tracker and no cluster.

The loop is a function of the phase's identity and its parent's weights alone: batches follow from (seed, epoch), dropout and
masks from (seed, step), so a resumed phase goes on exactly as it would have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.data.batches import unit_lengths
from training.data.draws import Draw, epoch_draws
from training.data.features import Encoded
from training.data.joined import Joined
from training.data.packs import Vocabulary
from training.errors import DataError, DivergedError
from training.identity import PhaseIdentity, Runtime
from training.learning.beginning import Beginning, draws_digest, shared_tensors
from training.learning.course import CALMER, Course
from training.learning.fitting import MORE_MEMORY, Fit, Notes
from training.learning.optimiser import allocate_moments, build_optimiser, decay_left
from training.learning.precision import BFLOAT16
from training.learning.resume import Checkpoints, Notice, Trunk
from training.learning.schedule import curve_every, rate_at
from training.learning.steps import Steps
from training.models.adapters import adapted
from training.models.attention import set_attention_dropout
from training.models.carry import ChainModel
from training.models.compact import WordTable, active_tokens, word_embedding
from training.models.encoding import takes_packs
from training.models.family import Family
from training.models.graphs import Graphs
from training.models.tokenizer import mask_of
from training.tasks.row import Kind
from training.teams.team import ALONE, Team

Progress = Callable[[int, int, float], None]


def silent(step: int, steps: int, loss: float) -> None:
    """A progress listener that ignores what it hears."""


def unreported(path: Path, cause: str) -> None:
    """A listener that ignores damage."""


@dataclass(frozen=True)
class Trained:
    """What a training run gives besides the model's weights: what the phase contains by now, whoever trained it.

    `steps` of the phase's `of` steps are done; this run began after `first_step` of them. `tokens` are real tokens, and
    `word_rows` the rows of the word table that were trained (0: the encoder has no table of its own).
    """

    steps: int
    tokens: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    first_step: int = 0
    of: int = 0
    word_rows: int = 0


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
    return Vocabulary(
        pad=int(tokenizer.pad_token_id),
        mask=mask_of(tokenizer, model.family),
        size=int(model.backbone.config.vocab_size),
        types=int(getattr(model.backbone.config, "type_vocab_size", 1)) > 1,
        causal=model.family is Family.DECODER,
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
    team: Team = ALONE,
) -> Trained:
    """Train `model` in place, to the end or as far as the share `until` of its steps; `data` holds the phase's tasks in order.

    Goes on from `checkpoint`, or from what `trunk` has, where that is further. `checkpoint` is rewritten every
    `checkpoint_seconds`, at a `notice`, and where the run ends before the phase does; `on_damage` hears of one that can't be
    used. `notes` know how large a micro-batch may be. The others of a `team` take part by `training.teams.assist`.

    Raises DivergedError on a loss or weights that are not finite, DataError on an empty training set, OutOfMemoryFault where a
    single example is too much, HalfUpdatedError where the model is spoiled and the phase has to be begun again, StoreError
    where a checkpoint can't be written, what the trunk's claim raises, and torch's own error where the model does not fit;
    TeamLostError where a worker of the team is gone.
    """
    draws = all_draws(phase, data)
    steps = len(draws)
    seconds, notice = runtime.checkpoint_seconds, notice or Notice()
    device, every = torch.device(runtime.device), curve_every(phase, steps)
    with contextlib.ExitStack() as prepared:
        prepared.enter_context(adapted(model, phase))
        words = word_table(model, phase, data, vocabulary, steps, compact=runtime.compact)
        kept = Checkpoints(phase, steps, until, checkpoint, trunk, seconds, notice, on_damage=on_damage, words=words)
        prepared.enter_context(words.compact())
        prepared.enter_context(graphs_of(model, phase, data, runtime))
        optimiser = on_device(model, phase, runtime)
        with kept.begun(model, optimiser) as position:
            allocate_moments(optimiser)
            course, fit = Course(phase, position, device), micro_batch_fit(phase, data, runtime, notes)
            team.ready()
            team.start(Beginning(position.step, kept.stop, fit.size, draws_digest(draws)), shared_tensors(model, optimiser))
            run = Steps(model, phase, data, vocabulary, fit, device, optimiser, team)
            for step in range(position.step, kept.stop):
                course.add(*run.step(draws[step], step, rate_at(phase, step, steps)))
                words.step = course.step
                if course.step == steps or course.step % every == 0:
                    progress(course.step, steps, course.close_point())
                elif step == position.step or course.step == kept.stop:
                    progress(course.step, steps, course.latest())
                kept.after(course, model, optimiser)
            _check_weights(model, phase)
            kept.ended(course, model, optimiser)
        trained = words.rows
    done = course.position()
    return Trained(done.step, done.tokens, done.seconds, done.curve, first_step=position.step, of=steps, word_rows=trained)


def on_device(model: ChainModel, phase: PhaseIdentity, runtime: Runtime) -> torch.optim.AdamW:
    """Put a model where its phase is trained, in the way it is trained; returns its optimiser."""
    model.to(torch.device(runtime.device)).train()
    model.packed = runtime.packed
    set_attention_dropout(model.backbone, phase.attention_dropout)
    return build_optimiser(model, phase)


@contextlib.contextmanager
def graphs_of(model: ChainModel, phase: PhaseIdentity, data: Sequence[Encoded], runtime: Runtime) -> Iterator[None]:
    """Train with CUDA graphs while entered, where they are wanted and the phase can be recorded.

    It can where attention is one kernel (packs in half precision on a GPU) and a pack's backward comes before the next pack:
    in retrieval the packs of a step belong together.
    """
    kernel = runtime.device.startswith("cuda") and phase.precision == BFLOAT16 and not phase.attention_dropout
    packs = runtime.packed and takes_packs(model.backbone.config)
    alone = all(encoded.row.kind is not Kind.RETRIEVAL for encoded in data)
    if not (runtime.graphs and kernel and packs and alone) or phase.adapter is not None:
        yield
        return
    model.graphs = Graphs(model.backbone)
    try:
        yield
    finally:
        model.graphs = None


def word_table(
    model: ChainModel, phase: PhaseIdentity, data: Sequence[Encoded], vocabulary: Vocabulary, steps: int, *, compact: bool
) -> WordTable:
    """The word table as a phase of `steps` steps trains it: the rows that its data have, or (not `compact`) the whole."""
    module = word_embedding(model)
    tokens = None
    if compact and module is not None:
        always = [vocabulary.pad, vocabulary.mask, *([] if module.padding_idx is None else [module.padding_idx])]
        tokens = active_tokens(data, len(module.weight), always)
    return WordTable(model, tokens, lambda done: decay_left(phase, steps, done))


def micro_batch_fit(phase: PhaseIdentity, data: Sequence[Encoded], runtime: Runtime, notes: Notes | None) -> Fit:
    """The largest micro-batch of a phase: what was asked for, or less where it is known not to fit."""
    kinds = "+".join(sorted({encoded.row.kind.value for encoded in data}))
    longest = max(use.max_length for use in phase.tasks)
    subject = f"a micro-batch of {kinds} with {longest} tokens" + (" and an adapter" if phase.adapter else "")
    return Fit(runtime.micro_batch, subject, "examples", notes, f"lower the `max_length` of the task, or {MORE_MEMORY}")


def _check_weights(model: ChainModel, phase: PhaseIdentity) -> None:
    """The last step may break the weights after its loss was taken."""
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise DivergedError(f"the weights of {phase.name} are not finite after its last step", "", CALMER)
