"""From a grid to what will run: studies, their chains, and the phases that chains share.

* A *study* is one (model, intermediate, group of targets): targets that train on the same data share its trials and phases.
* A *setting* is one value for each searched hyperparameter; a trial is a setting with a seed, and its chain follows from both.
* Everything here is a pure function of the grid, the data's digests and the models' digests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from search_spaces.schema import NONE, Grid, Intermediate, PhaseSpace
from search_spaces.values import Choices, EpochsRange
from sweep.planning.tree import Branches, Node, nodes_of
from sweep.sources import ResolvedModel, cache_folder
from training.chain import ChainJob
from training.codec import digest, to_payload
from training.data.checking import together
from training.data.loading import DataSource, data_digest
from training.errors import Faults, UserError
from training.identity import WSD, ChainIdentity, EvaluationIdentity, Mixing, PhaseIdentity, Role, Runtime, TaskUse
from training.models.heads import head_name
from training.record import ENGLISH
from training.tasks.row import Kind, Split, TaskRow

Setting = Mapping[str, float]
_Evaluations = tuple[EvaluationIdentity, ...]


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One study: `axes` maps a searched name (`target.lr`) to its values or range; empty when there is nothing to choose.

    `label` names it in records. `stream` names its random draws (empty: the label does): rules of early stopping have no part
    in it, so that the same settings are tried with and without.
    """

    model: str
    intermediate: Intermediate
    group: str
    targets: tuple[str, ...]
    axes: Mapping[str, object]
    label: str
    stream: str = ""

    @property
    def name(self) -> str:
        """Readable name: `mini.mini_nli.mini_xnli`."""
        return f"{self.model}.{self.intermediate.name}.{self.group}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A grid with its data and models resolved: everything a worker needs to run any trial of it.

    `shares` are the GPUs that a trial of each study gets, by label, where they follow from memory (`sharing`).
    """

    grid: Grid
    models: Mapping[str, ResolvedModel]
    sources: Mapping[str, DataSource]
    digests: Mapping[str, str]
    run: Path
    studies: tuple[StudySpec, ...]
    phases: Path | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """Where the phases are: a store that sweeps share (`phases`), or the run folder's own."""
        return self.phases or self.run / "phases"

    @property
    def notes(self) -> Path:
        """Where it is kept what fitted into memory, and what phases took of it."""
        return cache_folder() / "fitting"

    def gpus_of(self, study: StudySpec) -> float:
        """GPUs that a trial of a study holds; a whole one where nobody has shared them out yet, 0 on the CPU."""
        resources = self.grid.resources
        if resources.shares_itself_out:
            return self.shares.get(study.label, 1.0)
        return resources.gpus_by_hand * resources.workers

    def runtime_of(self, study: StudySpec) -> Runtime:
        """How a trial of a study runs."""
        resources = self.grid.resources
        return Runtime(
            device=resources.device,
            threads=max(1, int(resources.cpu)),
            micro_batch=resources.micro_batch,
            checkpoint_seconds=resources.checkpoint_seconds,
            packed=resources.packed,
            compact=resources.compact,
            share=min(1.0, self.gpus_of(study) or 1.0),
            workers=resources.workers,
        )

    def settings_of(self, study: StudySpec) -> int:
        """Settings that a study tries: the grid's number, or fewer where its axes have fewer values (one without any)."""
        sizes = [_values_of(axis) for axis in study.axes.values()]
        return int(min(self.grid.search.trials, math.prod(sizes)))

    def trials(self) -> int:
        """Number of trials of the whole grid."""
        return sum(self.settings_of(study) for study in self.studies) * len(self.grid.seeds)

    def chain(self, study: StudySpec, setting: Setting, seed: int) -> ChainIdentity:
        """The chain of a setting and a seed."""
        return self._chains.chain(study, setting, seed)

    @cached_property
    def _chains(self) -> _Chains:
        return _Chains(self.grid, self.models, self.sources, self.digests)

    def branches_of(self, study: StudySpec) -> Branches:
        """The epochs that phases of a study, or of another study with its intermediate setting, may have; none without wsd.

        A role whose learning rate is drawn from a range is left out: no two of its phases have one trunk.
        """
        if self.grid.training.schedule != WSD:
            return {}
        roles = [role for role in (Role.INTERMEDIATE, Role.TARGET) if isinstance(study.axes.get(f"{role}.lr"), Choices)]
        return {role: epochs_of(study.axes[f"{role}.epochs"]) for role in roles}

    def nodes_of(self, study: StudySpec, chain: ChainIdentity) -> tuple[Node, ...]:
        """The pieces of training that a chain of a study needs, in order."""
        return nodes_of(chain, self.branches_of(study), study.model)

    def job(self, study: StudySpec, setting: Setting, seed: int, until: float = 1.0) -> ChainJob:
        """The chain with all it needs to run, to its end or to a share of its last phase; it waits for nobody's phase."""
        return ChainJob(
            identity=self.chain(study, setting, seed),
            model_folder=self.models[study.model].folder,
            store=self.store,
            sources=self.sources,
            runtime=self.runtime_of(study),
            encoded=cache_folder() / "encoded",
            until=until,
            branches=self.branches_of(study),
            wait=False,
            notes=self.notes,
        )


def _values_of(axis: object) -> float:
    """How many values an axis has."""
    if isinstance(axis, Choices):
        return len(axis.values)
    return axis.high - axis.low + 1 if isinstance(axis, EpochsRange) else math.inf


def epochs_of(axis: object) -> tuple[int, ...]:
    """Every number of epochs that an axis has; none where there is no axis."""
    if isinstance(axis, Choices):
        return tuple(sorted(int(value) for value in axis.values))
    return tuple(range(axis.low, axis.high + 1)) if isinstance(axis, EpochsRange) else ()


def trial_name(study: StudySpec, number: int, seed: int, chain: ChainIdentity) -> str:
    """Name of a trial and of its record: study, setting, seed, and the chain's digest."""
    return f"{study.name}-{number:03d}-s{seed}--{chain.key[:8]}"


@dataclass(frozen=True)
class _Chains:
    """Builds identities from a grid."""

    grid: Grid
    models: Mapping[str, ResolvedModel]
    sources: Mapping[str, DataSource]
    digests: Mapping[str, str]
    _uses: dict[str, TaskUse] = field(default_factory=dict, init=False, repr=False, compare=False)
    _measured: dict[object, tuple[_Evaluations, _Evaluations]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def chain(self, study: StudySpec, setting: Setting, seed: int) -> ChainIdentity:
        phases = list(self.pretrain(study.model))
        if not study.intermediate.is_baseline:
            mixing = self.mixing(study.intermediate)
            phases.append(self.phase(Role.INTERMEDIATE, study.intermediate.tasks, setting, seed, mixing))
        phases += [self.phase(Role.TARGET, (task,), setting, seed) for task in learned_for(self.row(study.group))]
        selection, evaluations = self.measured(study)
        return ChainIdentity(
            model=self.models[study.model].identity, phases=tuple(phases), selection=selection, evaluations=evaluations
        )

    def row(self, task: str) -> TaskRow:
        return self.sources[task].row

    def pretrain(self, model: str) -> Iterator[PhaseIdentity]:
        spec = self.grid.models[model].pretrain
        if spec is not None:
            yield PhaseIdentity(
                role=Role.PRETRAIN,
                tasks=(self.use(spec.task),),
                lr=spec.lr,
                epochs=spec.epochs,
                batch=spec.batch,
                seed=spec.seed,
                mask_rate=spec.mask_rate,
                length_pool=spec.length_pool,
                attention_dropout=self.grid.training.attention_dropout,
                precision=self.grid.training.precision,
            )

    def mixing(self, intermediate: Intermediate) -> Mixing:
        """How an intermediate setting mixes its tasks; a task that stands alone is not capped, unless it says so itself."""
        return Mixing(
            kind=intermediate.sampling,
            cap=intermediate.cap or (self.grid.training.mixing_cap if len(intermediate.tasks) > 1 else 0),
            temperature=intermediate.temperature or 1.0,
            weights=intermediate.weights,
            alpha=intermediate.alpha,
            batches=intermediate.batches,
            loss_scaling=intermediate.loss_scaling,
        )

    def phase(
        self, role: Role, tasks: tuple[str, ...], setting: Setting, seed: int, mixing: Mixing | None = None
    ) -> PhaseIdentity:
        training = self.grid.training
        return PhaseIdentity(
            role=role,
            tasks=tuple(self.use(task) for task in tasks),
            lr=float(setting[f"{role}.lr"]),
            epochs=int(setting[f"{role}.epochs"]),
            batch=training.batch,
            seed=seed,
            schedule=training.schedule,
            warmup=training.warmup,
            decay=training.decay,
            weight_decay=training.weight_decay,
            clip=training.clip,
            carry_heads=training.carry_heads,
            attention_dropout=training.attention_dropout,
            precision=training.precision,
            mixing=mixing or Mixing(cap=0),
        )

    def use(self, task: str) -> TaskUse:
        if task not in self._uses:
            self._uses[task] = self._use(task)
        return self._uses[task]

    def _use(self, task: str) -> TaskUse:
        row = self.row(task)
        return TaskUse(
            task=task,
            version=row.version,
            head=head_name(row),
            data=self.digests[f"{task}/train"],
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
            languages=row.train_languages,
        )

    def measured(self, study: StudySpec) -> tuple[_Evaluations, _Evaluations]:
        """What the chains of a study are chosen by, and what they are evaluated on."""
        place = (study.group, study.intermediate.tasks, study.targets)
        if place not in self._measured:
            self._measured[place] = self.selection(study), tuple(self.evaluation(task) for task in study.targets)
        return self._measured[place]

    def selection(self, study: StudySpec) -> tuple[EvaluationIdentity, ...]:
        """English dev of the target's training row; for retrieval, of the intermediate tasks; else nothing."""
        trained = self.row(study.group).trained
        tasks = (study.group,) if trained else study.intermediate.tasks
        return tuple(self._measure(task, Split.DEV, (ENGLISH,), f"{task}/dev") for task in tasks)

    def evaluation(self, task: str) -> EvaluationIdentity:
        row = self.row(task)
        split = row.scored_on
        measured = self._measure(task, split, row.languages, f"{task}/scored")
        if row.kind is not Kind.RETRIEVAL:
            return measured
        return replace(measured, layer=self.grid.retrieval.layer, pooling=self.grid.retrieval.pooling)

    def _measure(self, task: str, split: str, languages: tuple[str, ...], key: str) -> EvaluationIdentity:
        row = self.row(task)
        return EvaluationIdentity(
            task=task,
            version=row.version,
            split=str(split),
            languages=languages,
            data=self.digests[key],
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
        )


def make_plan(
    grid: Grid,
    models: Mapping[str, ResolvedModel],
    sources: Mapping[str, DataSource],
    run: Path,
    phases: Path | None = None,
    *,
    digests: Mapping[str, str] | None = None,
) -> Plan:
    """Put a plan together; raises DataError when a file that the grid needs is missing.

    `phases` is a store that several sweeps share, where it is not the run folder's own; `digests` names data that is not here.
    """
    digests = _digests(grid, sources) if digests is None else digests
    studies = []
    for model in grid.models:
        for intermediate in grid.intermediates:
            for group, targets in target_groups(grid, sources).items():
                axes = _axes(grid, intermediate, group, sources[group].row.trained)
                spec = StudySpec(model=model, intermediate=intermediate, group=group, targets=targets, axes=axes, label="")
                studies.append(_labelled(spec, _Chains(grid, models, sources, digests)))
    return Plan(grid=grid, models=models, sources=sources, digests=digests, run=run, studies=tuple(studies), phases=phases)


def target_groups(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, tuple[str, ...]]:
    """Training row -> the targets that learn from it, in the grid's order."""
    groups: dict[str, tuple[str, ...]] = {}
    for target in grid.targets:
        group = sources[target].row.training_row
        groups[group] = (*groups.get(group, ()), target)
    return groups


def learned_for(row: TaskRow) -> tuple[str, ...]:
    """The rows that a target's training row has phases for: the one before it, and itself; none for an untrained target."""
    if not row.trained:
        return ()
    return (row.train_first, row.name) if row.train_first else (row.name,)


def needed_splits(grid: Grid, sources: Mapping[str, DataSource]) -> list[tuple[str, str, Split, tuple[str, ...]]]:
    """(key, task, split, languages) of every split that the grid reads."""
    needed: list[tuple[str, str, Split, tuple[str, ...]]] = []
    learned = [task for intermediate in grid.intermediates for task in intermediate.tasks]
    learned += [group for group in target_groups(grid, sources) if sources[group].row.trained]
    for task in dict.fromkeys(learned):
        row = sources[task].row
        needed += [(f"{task}/train", task, Split.TRAIN, row.train_languages), (f"{task}/dev", task, Split.DEV, (ENGLISH,))]
        if row.train_first:
            first = sources[row.train_first].row
            needed.append((f"{first.name}/train", first.name, Split.TRAIN, first.train_languages))
    for model in grid.models.values():
        if model.pretrain is not None:
            task = model.pretrain.task
            needed.append((f"{task}/train", task, Split.TRAIN, sources[task].row.train_languages))
    for task in grid.targets:
        row = sources[task].row
        needed.append((f"{task}/scored", task, row.scored_on, row.languages))
    return list({item[0]: item for item in needed}.values())


def _digests(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, str]:
    found: dict[str, str] = {}
    faults: list[UserError] = []
    for key, task, split, languages in needed_splits(grid, sources):
        for language in languages:
            try:
                data_digest(sources[task], split, (language,))
            except UserError as fault:
                faults.append(fault)
        if not faults:
            found[key] = data_digest(sources[task], split, languages)[:16]
    if faults:
        raise Faults(f"the data of grid {grid.name}", together(faults))
    return found


def target_space(grid: Grid, group: str) -> PhaseSpace:
    """The space of the target phase on a training row: the general one, with what the grid says of this row in its place."""
    space = grid.search.space
    own = space.targets.get(group)
    return (
        space.target
        if own is None
        else space.target.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
    )


def _axes(grid: Grid, intermediate: Intermediate, group: str, trained: bool) -> dict[str, object]:
    parts: list[tuple[str, PhaseSpace]] = []
    if intermediate.name != NONE:
        parts.append(("intermediate", intermediate.space or grid.search.space.intermediate))
    if trained:
        parts.append(("target", target_space(grid, group)))
    return {f"{name}.{axis}": getattr(space, axis) for name, space in parts for axis in ("lr", "epochs")}


def _labelled(spec: StudySpec, chains: _Chains) -> StudySpec:
    """Give the study a label that changes with everything but the number of settings and seeds.

    Studies of a changed space or of changed data never mix.
    """
    search = chains.grid.search
    axes = {name: axis.model_dump(mode="json") for name, axis in spec.axes.items()}  # type: ignore[attr-defined]
    probe = {name: 1.0 for name in spec.axes}
    payload: dict[str, object] = {
        "axes": axes,
        "sampler": search.sampler,
        "seed": search.seed,
        "at_once": search.at_once,
        "chain": chains.chain(spec, probe, 0),
    }
    stream = f"{spec.name}~{digest(payload | {'chain': _drawn_for(chains.chain(spec, probe, 0))})[:6]}"
    if search.stopping is not None:
        payload["stopping"] = search.stopping.model_dump(mode="json")
    return replace(spec, label=f"{spec.name}~{digest(payload)[:6]}", stream=stream)


def _drawn_for(chain: ChainIdentity) -> dict[str, Any]:
    """What of a chain names the settings drawn for it: not whether one task is capped, a decay that is not used, or arithmetic.

    So a grid draws the same settings from one numerics version to the next, and in every precision.
    """
    named: dict[str, Any] = to_payload(chain)
    for phase in named["phases"]:
        phase["numerics"] = 1
        del phase["attention_dropout"], phase["precision"]
        if phase["mixing"] == to_payload(Mixing(cap=0)):
            phase["mixing"] = to_payload(Mixing())
        if phase["schedule"] != WSD:
            del phase["decay"]
    return named
