"""A chain under way: each phase is taken from the store, or trained and put there, and the next starts from its weights."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.joined import join
from training.data.subset import example_count, subset
from training.errors import ModelError, OutOfMemoryFault
from training.files.tensorfile import write_tensors
from training.identity import WSD, ChainIdentity, PhaseIdentity, Role, Runtime, TaskUse, phase_key, trunk_key
from training.job import ChainJob, Order
from training.learning.fitting import MORE_MEMORY, HalfUpdatedError, Notes, device_name, is_out_of_memory
from training.learning.memory import release_memory
from training.learning.peaks import Gauge, keep_to_share, note_peak, peak_subject
from training.learning.resume import Notice, Trunk
from training.models.adapters import trained_width
from training.models.backbone import RANDOM, TOKENIZER_FILES, check_fit, load_tokenizer
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.phase import Trained, micro_batch_fit, train_phase, vocabulary_of
from training.record import CarryReport, PhaseTrace
from training.stores.behind import address_behind
from training.stores.store import WEIGHTS, PhaseStore, StoredPhase
from training.tasks.row import Split, TaskRow
from training.teams.team import ALONE, Team
from training.watcher import Watcher


class Walk:
    """The state of a chain under way: the last phase's weights, and the model if it is in memory already.

    `cut` is set where the last phase was left at a rung: how far it came then.
    """

    def __init__(self, job: ChainJob, watcher: Watcher, notice: Notice, damaged: list[str], team: Team = ALONE) -> None:
        self.job, self.watcher, self.notice, self.damaged, self.team = job, watcher, notice, damaged, team
        self.cut: Trained | None = None
        keep_to_share(job.runtime)
        device, share = job.runtime.device, job.runtime.share
        self.notes = Notes(job.notes, job.identity.model.key, device_name(device, share))
        self.peaks = Notes(job.notes, job.identity.model.key, device_name(device))
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
            behind=self.store.behind,
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
        use_threads(runtime.threads)
        model, carry, trained, examples = self._run_whole(number, key, runtime)
        use_threads(job.runtime.threads)
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
            examples=examples,
        )
        self._weights = self.store.publish(key, identity, trace, lambda folder: self._write(folder, model)).weights
        self.watcher.phase_done(trace)
        return trace

    def _run_whole(self, number: int, key: str, runtime: Runtime) -> tuple[ChainModel, CarryReport, Trained, int]:
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

    def _run(self, number: int, key: str, runtime: Runtime) -> tuple[ChainModel, CarryReport, Trained, int]:
        """Train a phase from its start, or from what there is of it; the last that is returned is its number of examples."""
        job, identity = self.job, self.job.identity.phases[number]
        model, carry = self._start(identity)
        last = number + 1 == len(job.identity.phases)
        data = [training_set(self.corpus, use) for use in identity.tasks]
        fitted, gauge = micro_batch_fit(identity, data, runtime, self.notes).size, Gauge(model, runtime.device)
        order = Order(job, number, runtime, behind=address_behind(job.store))
        with self.team.training(order, trained_width(model, identity)):
            trained = train_phase(
                model,
                identity,
                data,
                vocabulary_of(model, self.tokenizer),
                runtime,
                checkpoint=self.store.checkpoint_path(key),
                trunk=self._trunk(number),
                until=job.until if last and job.identity.selection else 1.0,
                notice=self.notice,
                notes=self.notes,
                progress=self._step,
                on_damage=self._note_damage,
                team=self.team,
            )
        alone = self.team.size == 1  # else a worker had some of the batch
        if alone and micro_batch_fit(identity, data, runtime, self.notes).size == fitted:  # else the peak was the whole device
            kinds = [row.kind for row in self._rows(_tasks(identity))]
            subject = peak_subject(identity, kinds, replace(runtime, micro_batch=fitted))
            note_peak(self.peaks, subject, gauge, steps=trained.steps - trained.first_step, of=trained.of)
        return model, carry, trained, sum(map(example_count, data))

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


def training_set(corpus: Corpus, use: TaskUse) -> Encoded:
    """The training data of one task, in every language it is learned in; of it so many examples as the phase is to have."""
    whole = join([corpus.encoded(use.task, Split.TRAIN, language, use.data) for language in use.languages])
    return subset(whole, use.examples)


def use_threads(threads: int) -> None:
    """Have torch use so many CPU threads; 0 leaves it as it is."""
    if threads:
        torch.set_num_threads(threads)


def _tasks(phase: PhaseIdentity) -> tuple[str, ...]:
    return tuple(use.task for use in phase.tasks)


def _tasks_of(chain: ChainIdentity) -> list[str]:
    """Every task that a chain learns or is measured on."""
    trained = [task for phase in chain.phases for task in _tasks(phase)]
    return list(dict.fromkeys([*trained, *(item.task for item in (*chain.selection, *chain.evaluations))]))
