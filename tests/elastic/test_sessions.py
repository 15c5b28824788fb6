"""Sessions leave it to the launch to ask for nodes, so a trial that was stopped early can never bring one."""

from __future__ import annotations

import pytest
import ray.train
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.api.config import ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from sweep.executors.session import LeanTrainer, Silent

ASKS = ("_send_resource_request", "_maybe_send_resource_request", "_cancel_resource_request")


def test_ray_train_asks_through_the_methods_that_a_session_silences() -> None:
    """The interface is private: this test says when another version of Ray has changed it."""
    policy = Silent(ScalingConfig(num_workers=2))
    for name in ASKS:
        assert getattr(FixedScalingPolicy, name) is not getattr(Silent, name)
        getattr(policy, name)()  # Ray's own would need a coordinator, and so a cluster
    assert policy.make_decision_for_non_running_worker_group().num_workers == 2


def test_session_runs_with_the_silent_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    monkeypatch.setattr(DataParallelTrainer, "_initialize_and_run_controller", lambda self, **parts: seen.update(parts))
    trainer = LeanTrainer(lambda: None, scaling_config=ray.train.ScalingConfig(num_workers=1))
    trainer._initialize_and_run_controller(scaling_policy=FixedScalingPolicy(ScalingConfig()), other=1)
    assert isinstance(seen["scaling_policy"], Silent) and seen["other"] == 1
