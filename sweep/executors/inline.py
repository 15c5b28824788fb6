"""The inline executor: a leg in the Tune actor that holds the resources, through Ray Train's local mode.

The actor is used again for the next leg, so a process, its imports and what it keeps of earlier legs are there already.
"""

from __future__ import annotations

from typing import Any

import ray.train
import ray.tune
from ray.train.torch import TorchTrainer

from sweep.elastic.preemption import Notice, noticing, this_node
from sweep.masking import mask_logs
from sweep.planning.plan import Plan
from sweep.trial import Report, run_leg


def run_inline(config: dict[str, Any], plan: Plan) -> None:
    """Tune's trainable: run the leg that `config` describes, and report it."""
    mask_logs()
    reports: list[Report] = []

    def loop(_: dict[str, Any]) -> None:
        with noticing(Notice(this_node())) as notice, notice.training():
            reports.append(run_leg(plan, config, notice.given))

    scaling = ray.train.ScalingConfig(num_workers=0, use_gpu=plan.grid.resources.device == "cuda")
    result = TorchTrainer(loop, train_loop_config={}, scaling_config=scaling, run_config=ray.train.RunConfig()).fit()
    if result.error is not None:
        raise result.error
    ray.tune.report(reports[0])
