"""Which executor a launch uses, and what it hands to Tune.

* `inline`: Tune's actor holds the trial's resources and trains, through Ray Train's local mode.
* `train`: Tune's actor holds nothing but a token; a Ray Train session trains, and serves one leg after the other. It may have
  several workers, which train together.

Trials of different studies may hold different shares of a GPU. Tune uses an actor again for legs that ask for the same: for
`train` the token tells shares apart, so that a session serves legs of one share alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray
import ray.tune

from sweep.executors.driver import TrialDriver
from sweep.executors.session import IDLE, Shared
from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec

INLINE, TRAIN = "inline", "train"


def trial_resources(plan: Plan, study: StudySpec) -> dict[str, float]:
    """What each worker of a study's trial trains with."""
    gpus = plan.gpus_of(study) / plan.grid.resources.workers
    return {"CPU": plan.grid.resources.cpu} | ({"GPU": gpus} if gpus else {})


def driver_resources(plan: Plan, study: StudySpec) -> dict[str, float]:
    """What the driver of a `train` trial holds: a token of the head, never a CPU or a GPU.

    The token of the n-th share that a plan has is a little larger than one, by n thousandths.
    """
    shares = sorted({plan.gpus_of(other) for other in plan.studies})
    return {"trial_driver": 1 + shares.index(plan.gpus_of(study)) / 1000}


def _held(resources: Mapping[str, Mapping[str, float]]) -> Any:
    """What Tune is to hold for a leg, by the study in its configuration."""
    groups = {study: ray.tune.PlacementGroupFactory([dict(held)]) for study, held in resources.items()}
    return lambda config: groups[config["study"]]


def trainable(plan: Plan, executor: str, idle: float = IDLE) -> Any:
    """What Tune runs, with the resources that it has to hold for it; needs a Ray that is up.

    `idle` is for how many seconds a session without work keeps its worker.
    """
    if executor == INLINE:
        from sweep.executors.inline import run_inline

        held = {study.label: trial_resources(plan, study) for study in plan.studies}
        return ray.tune.with_resources(ray.tune.with_parameters(run_inline, plan=plan), _held(held))
    shared = Shared(
        plan=(ray.put(plan),),
        run=str(plan.run),
        resources={study.label: trial_resources(plan, study) for study in plan.studies},
        max_failures=plan.grid.resources.max_failures,
        workers=plan.grid.resources.workers,
        idle=idle,
    )
    tokens = {study.label: driver_resources(plan, study) for study in plan.studies}
    return ray.tune.with_resources(ray.tune.with_parameters(TrialDriver, shared=shared), _held(tokens))
