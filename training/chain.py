"""One chain on one machine, the floor's front door: phase 0, intermediate phase, target phase, then zero-shot scores.

`run_chain` walks the phases in order, taking from the store what is there and training what is not, then chooses (English dev)
and evaluates (every language). It knows no Ray, no tracker and no search: a notebook can call it.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.joined import join
from training.data.loading import DataSource
from training.errors import ModelError, OutOfMemoryFault, PhaseLostError
from training.evaluate import Evaluator
from training.fitting import MORE_MEMORY, HalfUpdatedError, Notes, device_name, is_out_of_memory
from training.identity import (
    WSD,
    ChainIdentity,
    EvaluationIdentity,
    PhaseIdentity,
    Role,
    Runtime,
    TaskUse,
    phase_key,
    trunk_key,
)
from training.memory import release_memory
from training.models.backbone import RANDOM, TOKENIZER_FILES, check_fit, load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import Trained, train_phase, vocabulary_of
from training.record import ENGLISH, CarryReport, PhaseTrace, RungScore, Selection, TargetResult
from training.resume import Notice, Trunk
from training.store import WEIGHTS, PhaseStore, StoredPhase
from training.tasks.row import Split, TaskRow
from training.tensorfile import write_tensors
from training.watcher import Unwatched as Unwatched
from training.watcher import Watcher as Watcher

MOST_LOST = 2
"""How often a chain is walked again because a phase was lost under it."""


@dataclass(frozen=True, kw_only=True)
class ChainJob:
    """A chain with everything needed to run it here: the model's folder, the data, the store, and how to run.

    `pretrain_threads` are the CPU threads of a pretraining phase (0: as every other); `encoded` is where tokenised data is kept
    for other chains (None: in memory alone). `until` below 1 stops the chain after that share of the last phase's steps, where
    it leaves an in-phase checkpoint and its English dev score. `branches` are the epochs, by role, that other wsd phases of the
    grid may have: the trunk is kept where they branch off. With `wait` off, a phase that another process trains raises
    PhaseBusyError (its value the key) instead of being waited for. In the folder `notes` it is kept what fitted into memory.
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
    notes: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise ValueError(f"a chain can't stop after {self.until} of its last phase")


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
    """The state of a chain under way: the last phase's weights, and the model if it is in memory already.

    `cut` is set where the last phase was left at a rung: how far it came then.
    """

    def __init__(self, job: ChainJob, watcher: Watcher, notice: Notice, damaged: list[str]) -> None:
        self.job, self.watcher, self.notice, self.damaged = job, watcher, notice, damaged
        self.cut: Trained | None = None
        self.notes = Notes(job.notes, job.identity.model.key, device_name(job.runtime.device))
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

    def phase(self, number: int) -> PhaseTrace | None:
        """Take a phase from the store, or train it and put it there; None where it was left at a rung."""
        key = self.job.identity.phase_keys[number]
        found = self.store.find(key)
        if found is not None:
            return self._reused(found)
        with self.store.claim(key, wait=self.job.wait):
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

    def _trained(self, number: int, key: str) -> PhaseTrace | None:
        job, identity = self.job, self.job.identity.phases[number]
        self.watcher.phase_started(number, len(job.identity.phases), identity)
        runtime = self._runtime(identity)
        _use_threads(runtime.threads)
        model, carry, trained = self._run_whole(number, key, runtime)
        _use_threads(job.runtime.threads)
        release_memory()
        self._model = model
        if trained.steps < trained.of:
            self.cut = trained
            return None
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
        self._weights = self.store.publish(key, identity, trace, lambda folder: self._write(folder, model)).weights
        self.watcher.phase_done(trace)
        return trace

    def _run_whole(self, number: int, key: str, runtime: Runtime) -> tuple[ChainModel, CarryReport, Trained]:
        """Train a phase, once more from the last checkpoint where an update left the weights half done."""
        for _ in range(2):
            try:
                return self._run(number, key, runtime)
            except HalfUpdatedError as error:
                seen = str(error)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise OutOfMemoryFault("memory does not suffice for the model and its training", error, MORE_MEMORY) from None
            release_memory()
        raise OutOfMemoryFault("memory ran out inside AdamW's update, twice", seen, MORE_MEMORY)

    def _run(self, number: int, key: str, runtime: Runtime) -> tuple[ChainModel, CarryReport, Trained]:
        """Train a phase from its start, or from what there is of it."""
        job, identity = self.job, self.job.identity.phases[number]
        model, carry = self._start(identity)
        last = number + 1 == len(job.identity.phases)
        trained = train_phase(
            model,
            identity,
            [self._training_set(use) for use in identity.tasks],
            vocabulary_of(model, self.tokenizer),
            runtime,
            checkpoint=self.store.checkpoint_path(key),
            trunk=self._trunk(number),
            until=job.until if last and job.identity.selection else 1.0,
            notice=self.notice,
            notes=self.notes,
            progress=self._step,
            on_damage=self._note_damage,
        )
        return model, carry, trained

    def _trunk(self, number: int) -> Trunk | None:
        """What a wsd phase shares with those that differ in epochs alone."""
        chain, identity, store = self.job.identity, self.job.identity.phases[number], self.store
        if identity.schedule != WSD:
            return None
        parent = chain.phase_keys[number - 1] if number else chain.model.key
        key, branches = trunk_key(parent, identity), self.job.branches.get(identity.role, ())
        others = {epochs: replace(identity, epochs=epochs) for epochs in branches if epochs != identity.epochs}
        return Trunk(
            kept={epochs: store.trunk_path(key, epochs) for epochs in branches},
            inflight={epochs: store.checkpoint_path(phase_key(parent, other)) for epochs, other in others.items()},
            claim=lambda: store.claim(f"{key}@{identity.epochs}", wait=self.job.wait),
        )

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
            self.first_step = time.monotonic()
        self.watcher.step(step, steps, loss)

    def _note_damage(self, place: Path, cause: str) -> None:
        self.damaged.append(f"{place.name}: {cause}")


def run_chain(job: ChainJob, watcher: Watcher | None = None, urgent: Callable[[], bool] | None = None) -> ChainOutcome:
    """Run a chain to its scores, or as far as `job.until`.

    `urgent` is asked between optimiser steps; when it turns true a checkpoint is written at once, and the training goes on.
    A chain that is left at a rung has its last phase's in-phase checkpoint in the store, and goes on from it when it is run
    again, to the same weights; the rung's score is that of English dev with the weights of the moment. A last phase that is in
    the store already was run to its end, so `until` is of no account then, as it is where nothing is trained or chosen by: the
    outcome is the whole one, without a rung.

    A phase that is damaged while the chain stands on it is trained again, as one that was found damaged.

    Raises DataError, ModelError, StoreError, DivergedError, OutOfMemoryFault and PhaseBusyError (all `UserError`); phases
    finished before stay in the store.
    """
    damaged: list[str] = []
    for _ in range(MOST_LOST):
        with contextlib.suppress(PhaseLostError):
            return _run_once(job, watcher or Unwatched(), Notice(urgent), damaged)
    return _run_once(job, watcher or Unwatched(), Notice(urgent), damaged)


def _run_once(job: ChainJob, watcher: Watcher, notice: Notice, damaged: list[str]) -> ChainOutcome:
    begun = time.monotonic()
    _use_threads(job.runtime.threads)
    walk = _Walk(job, watcher, notice, damaged)
    found = [walk.phase(number) for number in range(len(job.identity.phases))]
    traces = tuple(trace for trace in found if trace is not None)
    trained = time.monotonic()
    model = walk.final_model()
    evaluator = Evaluator(model, walk.corpus, vocabulary_of(model, walk.tokenizer), job.runtime, walk.notes)
    selection = _selection(evaluator, job.identity.selection)
    rung = _rung(walk.cut, selection)
    results = () if rung else tuple(_released(evaluator.evaluate(target)) for target in job.identity.evaluations)
    timing = {"phases": round(trained - begun, 3), "evaluation": round(time.monotonic() - trained, 3)}
    if walk.first_step is not None:
        timing["first_step"] = round(walk.first_step - begun, 3)
    said = tuple(damaged)
    return ChainOutcome(phases=traces, selection=selection, results=results, timing=timing, damaged=said, rung=rung)


def _rung(cut: Trained | None, selection: Selection | None) -> RungScore | None:
    if cut is None or selection is None:
        return None
    return RungScore(rung=0, step=cut.steps, steps=cut.of, score=selection.score)


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
