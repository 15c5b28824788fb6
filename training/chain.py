"""One chain on one machine, the floor's front door: phase 0, intermediate phase, target phase, then zero-shot scores.

`run_chain` walks the phases in order, taking from the store what is there and training what is not, then chooses (English dev) and
evaluates (every language). It knows no Ray, no tracker and no search: a notebook can call it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from safetensors.torch import save_file

from training.data.corpus import Corpus
from training.data.loading import DataSource
from training.errors import ModelError
from training.evaluate import Evaluator
from training.identity import ChainIdentity, EvaluationIdentity, PhaseIdentity, Role, Runtime
from training.models.backbone import RANDOM, TOKENIZER_FILES, load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import silent, train_phase, vocabulary_of
from training.record import ENGLISH, CarryReport, PhaseTrace, Selection, TargetResult
from training.store import WEIGHTS, PhaseStore, StoredPhase
from training.tasks.row import TaskRow


class Watcher(Protocol):
    """Hears how a chain goes on; every method may be left empty."""

    def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
        """A phase begins to train."""

    def step(self, step: int, steps: int, loss: float) -> None:
        """Some optimiser steps are done."""

    def phase_done(self, trace: PhaseTrace) -> None:
        """A phase is in the store."""


class Unwatched:
    """A watcher that ignores everything."""

    def phase_started(self, number: int, phases: int, phase: PhaseIdentity) -> None:
        """Ignored."""

    def step(self, step: int, steps: int, loss: float) -> None:
        """Ignored."""

    def phase_done(self, trace: PhaseTrace) -> None:
        """Ignored."""


@dataclass(frozen=True, kw_only=True)
class ChainJob:
    """A chain with everything needed to run it here: the model's folder, the data, the store, and how to run."""

    identity: ChainIdentity
    model_folder: Path
    store: Path
    sources: Mapping[str, DataSource]
    runtime: Runtime
    pretrain_threads: int = 0


@dataclass(frozen=True, kw_only=True)
class ChainOutcome:
    """What came of a chain: traces of its phases, the number it is chosen by, scores, and times in seconds."""

    phases: tuple[PhaseTrace, ...]
    selection: Selection | None
    results: tuple[TargetResult, ...]
    timing: Mapping[str, float]
    damaged: tuple[str, ...] = ()


@dataclass
class _Walk:
    """The state of a chain under way: the model after the last phase, if it is in memory already."""

    job: ChainJob
    watcher: Watcher
    store: PhaseStore
    corpus: Corpus
    tokenizer: Any
    model: ChainModel | None = None
    weights: Path | None = None
    begun: float = 0.0
    first_step: float | None = None
    damaged: list[str] = field(default_factory=list)

    def rows(self, names: tuple[str, ...]) -> list[TaskRow]:
        return [self.job.sources[name].row for name in names]

    def phase(self, number: int) -> PhaseTrace:
        """Take a phase from the store, or train it and put it there."""
        identity, key = self.job.identity.phases[number], self.job.identity.phase_keys[number]
        found = self.store.find(key)
        if found is None:
            with self.store.claim(key):
                found = self.store.find(key)
                if found is None:
                    found = self._train(number, identity, key)
                    self.watcher.phase_done(found.trace)
                    self.weights = found.weights
                    return found.trace
        self.model, self.weights = None, found.weights
        trace = replace(found.trace, outcome="reused")
        self.watcher.phase_done(trace)
        return trace

    def _train(self, number: int, identity: PhaseIdentity, key: str) -> StoredPhase:
        import torch

        job = self.job
        names = tuple(use.task for use in identity.tasks)
        self.watcher.phase_started(number, len(job.identity.phases), identity)
        runtime = job.runtime
        if identity.role is Role.PRETRAIN and job.pretrain_threads:
            runtime = replace(runtime, threads=job.pretrain_threads)
        if runtime.threads:
            torch.set_num_threads(runtime.threads)
        model, carry = self._model_for(identity, names)
        data = [self.corpus.encoded(use.task, "train", ENGLISH, use.data) for use in identity.tasks]
        vocabulary = vocabulary_of(model, self.tokenizer)
        trained = train_phase(
            model, identity, data, vocabulary, runtime, checkpoint=self.store.checkpoint_path(key), progress=self._step
        )
        if job.runtime.threads:
            torch.set_num_threads(job.runtime.threads)
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
        self.model = model
        return self.store.publish(key, identity, trace, self._write)

    def _step(self, step: int, steps: int, loss: float) -> None:
        if self.first_step is None:
            self.first_step = time.time()
        self.watcher.step(step, steps, loss)

    def _model_for(self, identity: PhaseIdentity, names: tuple[str, ...]) -> tuple[ChainModel, CarryReport]:
        job, rows = self.job, self.rows(names)
        if self.weights is not None:
            return from_phase(job.model_folder, self.weights, rows, seed=identity.seed, carry_heads=identity.carry_heads)
        random = job.identity.model.weights == RANDOM
        if random and identity.role is not Role.PRETRAIN:
            raise ModelError(
                "a model without weights can't start a chain", job.identity.model.name, "give it a `pretrain` section"
            )
        return from_pretrained(job.model_folder, rows, random=random, model_seed=job.identity.model.seed, seed=identity.seed)

    def _write(self, folder: Path) -> None:
        """The files of a phase: weights, configuration, tokenizer."""
        assert self.model is not None
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()}
        save_file(tensors, str(folder / WEIGHTS), metadata={"format": "pt"})
        for name in ("config.json", *TOKENIZER_FILES):
            if (self.job.model_folder / name).is_file():
                shutil.copyfile(self.job.model_folder / name, folder / name)

    def final_model(self) -> ChainModel:
        """The model to evaluate: the one just trained, or the last phase's from the store, with all the heads that are asked for."""
        identity = self.job.identity
        names = tuple(use.task for use in identity.phases[-1].tasks) if identity.phases else ()
        if self.model is not None:
            return self.model
        rows = self.rows(names)
        if self.weights is not None:
            return from_phase(self.job.model_folder, self.weights, rows, seed=identity.phases[-1].seed)[0]
        if identity.model.weights == RANDOM:
            raise ModelError("a model without weights can't be evaluated", identity.model.name, "give it a `pretrain` section")
        return from_pretrained(self.job.model_folder, rows, random=False, model_seed=0, seed=0)[0]


def run_chain(job: ChainJob, watcher: Watcher | None = None) -> ChainOutcome:
    """Run a chain to its scores.

    Raises DataError, ModelError, StoreError and DivergedError (all `UserError`); phases finished before stay in the store.
    """
    begun = time.time()
    damaged: list[str] = []
    store = PhaseStore(job.store, on_damage=lambda folder, cause: damaged.append(f"{folder.name}: {cause}"))
    if job.runtime.threads:
        import torch

        torch.set_num_threads(job.runtime.threads)
    tokenizer = load_tokenizer(job.model_folder)
    corpus = Corpus(job.sources, tokenizer, job.identity.model.tokenizer)
    walk = _Walk(job, watcher or Unwatched(), store, corpus, tokenizer, begun=begun)
    traces = tuple(walk.phase(number) for number in range(len(job.identity.phases)))
    trained = time.time()
    model = walk.final_model()
    evaluator = Evaluator(model, corpus, vocabulary_of(model, tokenizer), job.runtime)
    selection = _selection(evaluator, job.identity.selection)
    results = tuple(evaluator.evaluate(target) for target in job.identity.evaluations)
    timing = {"phases": round(trained - begun, 3), "evaluation": round(time.time() - trained, 3)}
    if walk.first_step is not None:
        timing["first_step"] = round(walk.first_step - begun, 3)
    return ChainOutcome(phases=traces, selection=selection, results=results, timing=timing, damaged=tuple(damaged))


def _selection(evaluator: Evaluator, chosen_by: tuple[EvaluationIdentity, ...]) -> Selection | None:
    """The mean English-dev score of the tasks a chain is chosen by; None when there is nothing to choose by."""
    if not chosen_by:
        return None
    scores = [evaluator.evaluate(item).mean for item in chosen_by]
    oracle = any(item.languages != (ENGLISH,) for item in chosen_by)
    return Selection(
        task="+".join(item.task for item in chosen_by),
        split="+".join(sorted({item.split for item in chosen_by})),
        language=ENGLISH,
        metric="score",
        score=sum(scores) / len(scores),
        oracle=oracle,
    )


__all__ = ["ChainJob", "ChainOutcome", "Unwatched", "Watcher", "run_chain", "silent"]
