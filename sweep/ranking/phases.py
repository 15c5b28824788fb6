"""The weights that signals are taken from: of each model its phase 0, and one finished phase of each intermediate task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reports.cells import BASELINE
from sweep.planning.plan import Plan
from training.identity import Role
from training.record import Status, TrialRecord
from training.stores.store import PhaseStore

NO_PHASE = "no finished phase of it in the store yet"


@dataclass(frozen=True)
class Weights:
    """Weights to look at: a phase's file, or None for the published model itself."""

    intermediate: str
    file: Path | None
    seconds: float = 0.0


def weights_of(plan: Plan, model: str, records: Iterable[TrialRecord]) -> tuple[dict[str, Weights], dict[str, str]]:
    """Weights by intermediate task, and why there are none for the others.

    Of an intermediate task with several finished phases it is the one of the setting and the seed that come first: nothing
    measured on a target has a part in it.
    """
    found: dict[str, Weights] = {}
    missing: dict[str, str] = {}
    own = _finished(model, records)
    store = PhaseStore(plan.store)
    for name in dict.fromkeys(study.intermediate.name for study in plan.studies if study.model == model):
        keys = _keys(name, own)
        stored = next((phase for key in keys if (phase := store.find(key)) is not None), None)
        if stored is not None:
            found[name] = Weights(name, stored.weights, stored.trace.seconds)
        elif name == BASELINE and not keys and plan.grid.models[model].pretrain is None:
            found[name] = Weights(name, None)
        else:
            missing[name] = NO_PHASE
    return found, missing


def own_phase(plan: Plan, model: str, group: str, records: Iterable[TrialRecord]) -> Path | None:
    """The weights of a target phase without an intermediate one, of the targets that learn from `group`; None without any.

    Of several finished ones it is that of the setting and the seed that come first, as for intermediate tasks.
    """
    targets = {target for study in plan.studies if study.group == group for target in study.targets}
    store = PhaseStore(plan.store)
    for record in _finished(model, records):
        if record.intermediate == BASELINE and targets.intersection(record.targets):
            stored = store.find(record.phases[-1].key) if record.phases[-1].identity.role is Role.TARGET else None
            if stored is not None:
                return stored.weights
    return None


def _finished(model: str, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """A model's finished trials, by setting and seed."""
    own = (one for one in records if one.model == model and one.status is Status.FINISHED)
    return sorted(own, key=lambda one: (one.number, one.seed))


def _keys(intermediate: str, records: Iterable[TrialRecord]) -> Mapping[str, None]:
    """Keys of phases that end an intermediate task's part of a chain: of `none`, of the phase 0 that the sweep made."""
    wanted = Role.PRETRAIN if intermediate == BASELINE else Role.INTERMEDIATE
    keys: dict[str, None] = {}
    for record in records:
        phases = [phase for phase in record.phases if phase.identity.role is wanted]
        if phases and record.intermediate in (intermediate, BASELINE if wanted is Role.PRETRAIN else intermediate):
            keys.setdefault(phases[-1].key)
    return keys
