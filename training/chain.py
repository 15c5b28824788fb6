"""One chain on one machine, the floor's front door: phase 0, intermediate phase, target phase, then zero-shot scores.

`run_chain` walks the phases in order, taking from the store what is there and training what is not, then chooses (English dev)
and evaluates (every language). It knows no Ray, no tracker and no search: a notebook can call it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import torch

from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.joined import join
from training.data.loading import DataSource
from training.errors import ModelError
from training.evaluate import Evaluator
from training.identity import ChainIdentity, EvaluationIdentity, PhaseIdentity, Role, Runtime, TaskUse
from training.memory import release_memory
from training.models.backbone import RANDOM, TOKENIZER_FILES, check_fit, load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import train_phase, vocabulary_of
from training.record import ENGLISH, CarryReport, PhaseTrace, RungScore, Selection, TargetResult
from training.store import WEIGHTS, PhaseStore, StoredPhase
from training.tasks.row import Split, TaskRow
from training.tensorfile import write_tensors


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


@dataclass(frozen=True, kw_only=True)
class ChainJob:
    """A chain with everything needed to run it here: the model's folder, the data, the store, and how to run.

    `pretrain_threads` are the CPU threads of a pretraining phase (0: as every other); `encoded` is where tokenised data is kept
    for other chains (None: in memory alone). `until` below 1 stops the chain after that share of the last phase's steps, where
    it leaves an in-phase checkpoint and its English dev score. `branches` are the epochs, by role, that other wsd phases of the
    grid may have: the trunk is kept where they branch off. With `wait` off, a phase that another process trains raises
    PhaseBusyError instead of being waited for.
    """

    identity: ChainIdentity
    model_folder: Path
    store: Path
    sources: Mapping[str, DataSource]
    runtime: Runtime
    pretrain_threads: int = 0
    encoded: Path | None = None
    until: float = 1.0
    branches: Mapping[Role, tuple[int, ...]] = field(default_factory=dict)
    wait: bool = True


@dataclass(frozen=True, kw_only=True)
class ChainOutcome:
    """What came of a chain: traces of its phases, the number it is chosen by, scores, and times in seconds.

    `rung` is set, its number left 0, where the chain stopped before its end; there are no results then. `damaged` names the
    phases and checkpoints that were found damaged, set aside and trained again.
    """

    phases: tuple[PhaseTrace, ...]
    selection: Selection | None
    results: tuple[TargetResult, ...]
    timing: Mapping[str, float]
    damaged: tuple[str, ...] = ()
    rung: RungScore | None = None


class _Walk:
    """The state of a chain under way: the last phase's weights, and the model if it is in memory already."""

    def __init__(self, job: ChainJob, watcher: Watcher) -> None:
        self.job, self.watcher = job, watcher
        self.damaged: list[str] = []
        self.first_step: float | None = None
        self.store = PhaseStore(job.store, on_damage=self._note_damage)
        self.tokenizer = load_tokenizer(job.model_folder)
        self.corpus = Corpus(
            job.sources,
            self.tokenizer,
            job.identity.model.tokenizer,
            folder=job.encoded,
            progress=self.watcher.encoding,
            on_damage=self._note_damage,
        )
        self._model: ChainModel | None = None
        self._weights: Path | None = None
        check_fit(job.model_folder, self.tokenizer, self._rows(_tasks_of(job.identity)))

    def phase(self, number: int) -> PhaseTrace:
        """Take a phase from the store, or train it and put it there."""
        key = self.job.identity.phase_keys[number]
        found = self.store.find(key)
        if found is not None:
            return self._reused(found)
        with self.store.claim(key):
            found = self.store.find(key)
            return self._reused(found) if found is not None else self._trained(number, key)

    def final_model(self) -> ChainModel:
        """The model to evaluate, with the heads of the last phase: the one in memory, the stored one, or the published one."""
        if self._model is not None:
            return self._model
        job, phases = self.job, self.job.identity.phases
        if not phases:
            return self._published(rows=[], seed=0)[0]
        assert self._weights is not None
        model, carry = from_phase(job.model_folder, self._weights, self._rows(_tasks(phases[-1])), seed=phases[-1].seed)
        if carry.initialised:
            raise ModelError("the stored phase lacks tensors", ", ".join(carry.initialised), f"delete {self._weights.parent}")
        return model

    def _reused(self, found: StoredPhase) -> PhaseTrace:
        self._model, self._weights = None, found.weights
        trace = replace(found.trace, outcome="reused")
        self.watcher.phase_done(trace)
        return trace

    def _trained(self, number: int, key: str) -> PhaseTrace:
        job, identity = self.job, self.job.identity.phases[number]
        self.watcher.phase_started(number, len(job.identity.phases), identity)
        runtime = self._runtime(identity)
        _use_threads(runtime.threads)
        model, carry = self._start(identity)
        trained = train_phase(
            model,
            identity,
            [self._training_set(use) for use in identity.tasks],
            vocabulary_of(model, self.tokenizer),
            runtime,
            checkpoint=self.store.checkpoint_path(key),
            progress=self._step,
            on_damage=self._note_damage,
        )
        _use_threads(job.runtime.threads)
        release_memory()
        trace = PhaseTrace(
            key=key,
            identity=identity,
            outcome="trained",
            seconds=round(trained.seconds, 3),
            steps=trained.steps,
            tokens=trained.tokens,
            curve=trained.curve,
            carry=carry,
        )
        stored = self.store.publish(key, identity, trace, lambda folder: self._write(folder, model))
        self._model, self._weights = model, stored.weights
        self.watcher.phase_done(trace)
        return trace

    def _training_set(self, use: TaskUse) -> Encoded:
        """The training data of one task, in every language it is learned in."""
        return join([self.corpus.encoded(use.task, Split.TRAIN, language, use.data) for language in use.languages])

    def _start(self, identity: PhaseIdentity) -> tuple[ChainModel, CarryReport]:
        """The model that a phase starts from; the one in memory goes first, so that there are never two."""
        self._model = None
        rows = self._rows(_tasks(identity))
        if self._weights is None:
            return self._published(rows, identity.seed, pretrain=identity.role is Role.PRETRAIN)
        folder = self.job.model_folder
        return from_phase(folder, self._weights, rows, seed=identity.seed, carry_heads=identity.carry_heads)

    def _published(self, rows: list[TaskRow], seed: int, *, pretrain: bool = False) -> tuple[ChainModel, CarryReport]:
        """The model that the chain starts from, whose weights may be random only where it is to be pretrained."""
        model = self.job.identity.model
        random = model.weights == RANDOM
        if random and not pretrain:
            raise ModelError("a model without weights can't start a chain", model.name, "give it a `pretrain` section")
        return from_pretrained(self.job.model_folder, rows, random=random, model_seed=model.seed, seed=seed)

    def _write(self, folder: Path, model: ChainModel) -> None:
        """The files of a phase: weights, configuration, tokenizer."""
        write_tensors(folder / WEIGHTS, model.state_dict(), {"format": "pt"})
        for name in ("config.json", *TOKENIZER_FILES):
            if (self.job.model_folder / name).is_file():
                shutil.copyfile(self.job.model_folder / name, folder / name)

    def _runtime(self, identity: PhaseIdentity) -> Runtime:
        threads = self.job.pretrain_threads if identity.role is Role.PRETRAIN else 0
        return replace(self.job.runtime, threads=threads) if threads else self.job.runtime

    def _rows(self, names: Iterable[str]) -> list[TaskRow]:
        return [self.job.sources[name].row for name in names]

    def _step(self, step: int, steps: int, loss: float) -> None:
        if self.first_step is None:
            self.first_step = time.time()
        self.watcher.step(step, steps, loss)

    def _note_damage(self, place: Path, cause: str) -> None:
        self.damaged.append(f"{place.name}: {cause}")


def run_chain(job: ChainJob, watcher: Watcher | None = None) -> ChainOutcome:
    """Run a chain to its scores.

    Raises DataError, ModelError, StoreError and DivergedError (all `UserError`); phases finished before stay in the store.
    """
    begun = time.time()
    _use_threads(job.runtime.threads)
    walk = _Walk(job, watcher or Unwatched())
    traces = tuple(walk.phase(number) for number in range(len(job.identity.phases)))
    trained = time.time()
    model = walk.final_model()
    evaluator = Evaluator(model, walk.corpus, vocabulary_of(model, walk.tokenizer), job.runtime)
    selection = _selection(evaluator, job.identity.selection)
    results = tuple(_released(evaluator.evaluate(target)) for target in job.identity.evaluations)
    timing = {"phases": round(trained - begun, 3), "evaluation": round(time.time() - trained, 3)}
    if walk.first_step is not None:
        timing["first_step"] = round(walk.first_step - begun, 3)
    return ChainOutcome(phases=traces, selection=selection, results=results, timing=timing, damaged=tuple(walk.damaged))


def _released(result: TargetResult) -> TargetResult:
    release_memory()
    return result


def _tasks(phase: PhaseIdentity) -> tuple[str, ...]:
    return tuple(use.task for use in phase.tasks)


def _tasks_of(chain: ChainIdentity) -> list[str]:
    """Every task that a chain learns or is measured on."""
    trained = [task for phase in chain.phases for task in _tasks(phase)]
    return list(dict.fromkeys([*trained, *(item.task for item in (*chain.selection, *chain.evaluations))]))


def _use_threads(threads: int) -> None:
    if threads:
        torch.set_num_threads(threads)


def _selection(evaluator: Evaluator, chosen_by: tuple[EvaluationIdentity, ...]) -> Selection | None:
    """The mean English-dev score of the tasks a chain is chosen by; None when there is nothing to choose by."""
    if not chosen_by:
        return None
    scores = [evaluator.evaluate(item).mean for item in chosen_by]
    languages = sorted({language for item in chosen_by for language in item.languages})
    return Selection(
        task="+".join(item.task for item in chosen_by),
        split="+".join(sorted({item.split for item in chosen_by})),
        language="+".join(languages),
        metric="score",
        score=sum(scores) / len(scores),
        oracle=languages != [ENGLISH],
    )
