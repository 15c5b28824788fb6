"""`sweep plan`: what a grid would run, what of it is there already, and what the rest takes; trains nothing.

What is to be trained is counted by a rehearsal of the search (`rehearsal`): where a space is continuous, settings of later
rounds follow from scores that nobody knows yet, so counts of tokens and hours are those of a likely course, not of the very
one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from search_spaces.schema import PhaseSpace
from search_spaces.values import Choices
from sweep.foreseen import current_of, mark_of
from sweep.planning.costs import HOUR, NOTHING, Costs, Span, costs_of, money
from sweep.planning.gpus import Gpu, gpu_here, trials_a_gpu
from sweep.planning.nominal import NominalPlan
from sweep.planning.plan import Plan, executor_of
from sweep.planning.rehearsal import Rehearsal, rehearse
from sweep.planning.room import Machine, Room
from sweep.planning.sharing import share_lines, shares_of, with_shares
from sweep.planning.sizes import sizes_of
from sweep.planning.studies import StudySpec, intermediate_space, learned_for
from sweep.planning.throughput import SHARED, Sample
from sweep.ranking.choosing import rank_line, ranks_known
from sweep.records import readable_records, waiting_trials
from sweep.runfolder import RunMark
from sweep.search.index import StoreIndex
from training.identity import Role
from training.record import TrialRecord
from training.stores.store import PhaseStore

AT = (1, 8, 64)
"""Numbers of GPUs for which the time is told."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What a run folder and its store hold: records of this grid and of any other, trials that wait at a rung, stored nodes."""

    records: tuple[TrialRecord, ...]
    earlier: tuple[TrialRecord, ...]
    paused: tuple[TrialRecord, ...]
    stored: frozenset[str]


def state_of(plan: Plan) -> State:
    """Look at a run folder, changing nothing; a new one has nothing."""
    mark = mark_of(plan, RunMark(schema=1, sweep="", grid=plan.grid.name))
    earlier = readable_records(plan.run, set_aside=False)[0]
    index = StoreIndex(PhaseStore(plan.store))
    return State(
        records=tuple(current_of(earlier, mark)),
        earlier=tuple(earlier),
        paused=tuple(waiting_trials(plan.run, set_aside=False)[0]),
        stored=frozenset(index.refresh()),
    )


def overview(
    found: NominalPlan, *, price: float | None = None, gpu: Gpu | None = None, calibrated: Iterable[Sample] = ()
) -> dict[str, Any]:
    """Studies, trials, phases, work and costs of a plan, on GPUs such as `gpu` (None: this machine's).

    Target phases of a continuous space are counted, not named. Raises UserError where a trial does not fit the GPU.
    """
    seen = gpu or (gpu_here() if found.plan.grid.resources.gpu else None)
    at = {count: shares_of(found.plan, seen, count) for count in AT}
    shares, plan = at[AT[0]], with_shares(found.plan, at[AT[0]])
    state = state_of(plan)
    sizes = sizes_of(plan, found.splits, state.earlier)
    costs = costs_of(plan, sizes, state.earlier, gpu=gpu, calibrated=calibrated)
    done = Counter(record.study for record in state.records)
    seeds = len(plan.grid.seeds)
    studies = [
        {
            "study": study.name,
            "targets": list(study.targets),
            "settings": plan.settings_of(study),
            "seeds": seeds,
            "trials": plan.settings_of(study) * seeds,
            "done": done[study.label],
            **({"gpus": shares[study.label].gpus, "sharing": shares[study.label].said} if shares else {}),
        }
        for study in plan.studies
    ]
    return {
        "grid": plan.grid.name,
        "run": str(plan.run),
        "executor": executor_of(plan),
        "models": {name: str(model.folder) for name, model in plan.models.items()},
        "gpu": plan.grid.resources.gpu,
        "sharing": share_lines(plan, shares),
        "synthetic": any(source.row.synthetic for source in plan.sources.values()),
        "nominal": {"tasks": list(found.tasks), "models": list(found.models), "unsized": list(found.unsized)},
        "studies": studies,
        "trials": plan.trials(),
        "done": len(state.records),
        "paused": len(state.paused),
        "phases": dict(_phase_bounds(plan)),
        "phases_unshared": _unshared(plan),
        "phases_in_store": sum("@" not in key for key in state.stored),
        "sizes_assumed": sizes.assumed(),
        "examples_lacking": sizes.lacking(plan),
        "left_out_by_rank": [pair._asdict() for pair in plan.left_out],
        **({"rank": rank_line(plan.grid, plan.left_out, known=ranks_known(plan))} if plan.grid.rank else {}),
        **_work({count: replace(costs, plan=with_shares(plan, each)) for count, each in at.items()}, state, price),
    }


def _work(at: Mapping[int, Costs], state: State, price: float | None) -> dict[str, Any]:
    """What is left to run, and what it takes: tokens, GPU-hours, money, hours on some GPUs, bytes; `at` by number of GPUs."""
    runs = {gpus: _rehearsed(costs, state, gpus) for gpus, costs in at.items()}
    one, costs = runs[AT[0]], at[AT[0]]
    hours = sum((costs.leg_gpu_seconds(ask) for ask in one.legs), NOTHING).scaled(1 / HOUR)
    return {
        "left": _left(one, state.stored),
        "tokens": round(one.work),
        "gpu_hours": hours.payload(),
        "gpu_hours_basis": costs.basis(one.nodes),
        "pace": _paces(costs),
        "money": money(hours, price),
        "hours_at": {str(gpus): _hours(at[gpus], run).payload() for gpus, run in runs.items()},
        "storage_bytes": costs.storage(one, sum("@" not in key for key in state.stored), _slots(at[AT[1]].plan, AT[1])),
    }


def _rehearsed(costs: Costs, state: State, gpus: int) -> Rehearsal:
    plan = costs.plan
    return rehearse(
        plan,
        costs.sizes.node_tokens,
        seconds=costs.likely,
        extra=lambda ask: costs.besides(ask).likely,
        pace=lambda ask: costs.pace(ask.spec).likely,
        slots=_slots(plan, gpus),
        gates=(_room(plan, gpus),) if plan.grid.resources.gpu else (),
        stored=state.stored,
        records=state.records,
        paused=state.paused,
    )


def _room(plan: Plan, gpus: int) -> Room:
    """So many GPUs on one machine, and enough for any trial at least; CPU cores are no matter."""
    largest = max((plan.gpus_of(study) for study in plan.studies), default=1.0)
    return Room([Machine(0.0, [1.0] * max(gpus, math.ceil(largest)))], 0.0, plan.gpus_of)


def _slots(plan: Plan, gpus: int) -> int:
    """Trials that run at once on some GPUs, at most; where there are none, so many trials."""
    most, smallest = plan.grid.resources.trials_at_once, min((plan.gpus_of(study) for study in plan.studies), default=1.0)
    slots = max(1, int(gpus / (smallest or 1.0) + 1e-6))
    return min(slots, most) if most else slots


def _paces(costs: Costs) -> list[str]:
    """What is taken of how fast trials are that share a GPU."""
    found: dict[int, bool] = {}
    for study in costs.plan.studies:
        trials = trials_a_gpu(costs.plan.gpus_of(study))
        if trials > 1:
            found[trials] = found.get(trials, True) and (study.model, trials) in costs.shared
    said = {True: "as measured", False: f"{SHARED[1]:g} times what one does ({SHARED[0]:g} to {SHARED[2]:g}, assumed)"}
    numbers = {measured: [str(trials) for trials in sorted(found) if found[trials] is measured] for measured in (True, False)}
    return [f"{', '.join(several)} trials on a GPU train {said[measured]}" for measured, several in numbers.items() if several]


def _hours(costs: Costs, run: Rehearsal) -> Span:
    """Hours to a rehearsal's end, with the range that its work has."""
    seconds = sum((costs.leg(ask) for ask in run.legs), NOTHING)
    return seconds.scaled(run.makespan / seconds.likely / HOUR) if seconds.likely else NOTHING


def _left(run: Rehearsal, stored: frozenset[str]) -> dict[str, int]:
    """Trials and phases of what is left: how many are in the store, to be trained, trained in part, and shared."""
    chains = {ask.name: [node.key for node in ask.nodes if not node.is_trunk] for ask in run.legs}
    distinct = {key for keys in chains.values() for key in keys}
    cached, trained = len(distinct & stored), sum(not node.is_trunk for node in run.nodes)
    return {
        "trials": len(chains),
        "stopped_early": run.stopped,
        "phases_cached": cached,
        "phases_to_train": trained,
        "phases_stopped_early": len(distinct) - cached - trained,
        "phases_shared": sum(map(len, chains.values())) - len(distinct),
    }


def _phase_bounds(plan: Plan) -> Iterator[tuple[str, int]]:
    """At most how many phases of each role will be trained, with sharing."""
    seeds = len(plan.grid.seeds)
    yield str(Role.PRETRAIN), sum(model.pretrain is not None for model in plan.grid.models.values())
    intermediate = 0
    for model in plan.grid.models:
        for setting in {study.intermediate for study in plan.studies if not study.intermediate.is_baseline}:
            asked = sum(
                plan.settings_of(study) for study in plan.studies if study.model == model and study.intermediate == setting
            )
            distinct = _distinct(intermediate_space(plan.grid, model, setting))
            intermediate += (min(asked, distinct) if distinct else asked) * seeds
    yield str(Role.INTERMEDIATE), intermediate
    yield str(Role.TARGET), sum(plan.settings_of(study) * seeds * _target_phases(plan, study) for study in plan.studies)


def _distinct(space: PhaseSpace) -> int | None:
    """Settings that a space of choices has; None for one with a range."""
    if isinstance(space.lr, Choices) and isinstance(space.epochs, Choices):
        return len(space.lr.values) * len(space.epochs.values)
    return None


def _unshared(plan: Plan) -> int:
    """Phases that chains would train if none was shared."""
    pretrained = {name: int(model.pretrain is not None) for name, model in plan.grid.models.items()}
    return sum(
        plan.settings_of(study)
        * len(plan.grid.seeds)
        * (pretrained[study.model] + int(not study.intermediate.is_baseline) + _target_phases(plan, study))
        for study in plan.studies
    )


def _target_phases(plan: Plan, study: StudySpec) -> int:
    return len(learned_for(plan.sources[study.group].row))
