"""Which executor a launch uses, and what it hands to Tune.

* `inline`: Tune's actor holds the trial's resources and trains, through Ray Train's local mode.
* `train`: Tune's actor holds nothing but a token; a Ray Train session trains, and serves one leg after the other.
"""

from __future__ import annotations

from typing import Any

import ray
import ray.tune

from sweep.executors.driver import TrialDriver
from sweep.executors.session import IDLE, Shared
from sweep.planning.plan import Plan

INLINE, TRAIN = "inline", "train"


def trial_resources(plan: Plan) -> dict[str, float]:
    """What one trial trains with."""
    resources = plan.grid.resources
    return {"CPU": resources.cpu} | ({"GPU": resources.gpu} if resources.gpu else {})


def driver_resources() -> dict[str, float]:
    """What the driver of a `train` trial holds: a token of the head, never a CPU or a GPU."""
    return {"trial_driver": 1}


def trainable(plan: Plan, executor: str, idle: float = IDLE) -> Any:
    """What Tune runs, with the resources that it has to hold for it; needs a Ray that is up.

    `idle` is for how many seconds a session without work keeps its worker.
    """
    if executor == INLINE:
        from sweep.executors.inline import run_inline

        return ray.tune.with_resources(ray.tune.with_parameters(run_inline, plan=plan), trial_resources(plan))
    shared = Shared(
        plan=(ray.put(plan),),
        run=str(plan.run),
        resources=trial_resources(plan),
        max_failures=plan.grid.resources.max_failures,
        idle=idle,
    )
    return ray.tune.with_resources(ray.tune.with_parameters(TrialDriver, shared=shared), driver_resources())
