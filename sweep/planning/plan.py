"""From a grid to what will run: studies, their chains, and the phases that chains share.

* A *study* is one (model, intermediate, group of targets): targets that train on the same data share its trials and phases.
* A *setting* is one value for each searched hyperparameter; a trial is a setting with a seed, and its chain follows from both.
* Everything here is a pure function of the grid, the data's digests and the models' digests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from reports.cells import Pair
from search_spaces.schema import Grid
from search_spaces.values import Choices, EpochsRange
from sweep.options import cache_folder, encoded_folder
from sweep.planning.chains import Chains
from sweep.planning.needs import digests_of
from sweep.planning.studies import Setting, StudySpec, axes_of, target_groups
from sweep.planning.tree import Branches, Node, nodes_of
from sweep.sources import ResolvedModel
from training.chain import ChainJob
from training.data.loading import DataSource
from training.errors import UserError
from training.files.codec import digest, to_payload
from training.identity import WSD, ChainIdentity, Mixing, Role, Runtime, TaskUse
from training.stores.behind import address_behind, local_store


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A grid with its data and models resolved: everything a worker needs to run any trial of it.

    `behind` is the address of what lies behind the store `phases` (empty: nothing), which every machine then has below its own
    cache folder. `shares` are the GPUs that a trial of each study gets, by label, where they follow from memory (`sharing`).
    """

    grid: Grid
    models: Mapping[str, ResolvedModel]
    sources: Mapping[str, DataSource]
    digests: Mapping[str, str]
    run: Path
    studies: tuple[StudySpec, ...]
    phases: Path | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    behind: str = ""
    left_out: tuple[Pair, ...] = ()

    @property
    def store(self) -> Path:
        """Where the phases are on this machine: a store that sweeps share (`phases`), or the run folder's own."""
        if self.behind:
            return local_store(cache_folder().absolute(), self.behind)
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
            graphs=resources.graphs,
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

    def intermediate_uses(self, study: StudySpec) -> tuple[TaskUse, ...]:
        """The tasks of a study's intermediate phase, as it learns them; none for the baseline."""
        return self._chains.intermediate_uses(study.intermediate)

    @cached_property
    def _chains(self) -> Chains:
        return Chains(self.grid, self.models, self.sources, self.digests)

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
            encoded=encoded_folder(),
            until=until,
            branches=self.branches_of(study),
            wait=False,
            notes=self.notes,
        )


def executor_of(plan: Plan) -> str:
    """`train` on GPUs and for several workers a trial, `inline` elsewhere, unless the grid or the command says otherwise.

    Raises UserError where it says `inline` of several workers.
    """
    resources = plan.grid.resources
    if resources.workers > 1 and resources.executor == "inline":
        seen = f"{resources.workers} workers"
        raise UserError("several workers a trial need the executor train", seen, "use --executor train")
    if resources.executor != "auto":
        return str(resources.executor)
    return "train" if resources.gpu or resources.workers > 1 else "inline"


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


def make_plan(
    grid: Grid,
    models: Mapping[str, ResolvedModel],
    sources: Mapping[str, DataSource],
    run: Path,
    phases: Path | None = None,
    *,
    digests: Mapping[str, str] | None = None,
    kept: Mapping[tuple[str, str], frozenset[str]] | None = None,
) -> Plan:
    """Put a plan together; raises DataError when a file that the grid needs is missing.

    `phases` is a store that several sweeps share, where it is not the run folder's own; `digests` names data that is not here,
    `kept` the intermediate settings that are run of each model and group of targets (None: all).
    """
    digests = digests_of(grid, sources) if digests is None else digests
    studies, left_out = [], list[Pair]()
    for model in grid.models:
        for intermediate in grid.intermediates:
            for group, targets in target_groups(grid, sources).items():
                if kept is not None and intermediate.name not in kept[model, group]:
                    left_out += [Pair(model, intermediate.name, target) for target in targets]
                    continue
                axes = axes_of(grid, model, intermediate, group, sources[group].row.trained)
                spec = StudySpec(model=model, intermediate=intermediate, group=group, targets=targets, axes=axes, label="")
                studies.append(_labelled(spec, Chains(grid, models, sources, digests)))
    behind, found = address_behind(phases) if phases else "", tuple(studies)
    return Plan(
        grid=grid,
        models=models,
        sources=sources,
        digests=digests,
        run=run,
        studies=found,
        phases=phases,
        behind=behind,
        left_out=tuple(left_out),
    )


def _labelled(spec: StudySpec, chains: Chains) -> StudySpec:
    """Give the study a label that changes with everything but the number of settings and seeds.

    Studies of a changed space or of changed data never mix.
    """
    search = chains.grid.search
    axes = {name: axis.model_dump(mode="json") for name, axis in spec.axes.items()}
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
