"""A spot machine is taken away under a real Ray: its worker saves at once, and the leg goes on elsewhere, uncounted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster

from sweep.elastic.preemption import draining_nodes
from sweep.executors.choice import TRAIN
from tests.sweep.executing import GRID, Meddler, leg, plan_of_legs, standing, tune
from tests.sweep.launches import eventually
from training.record import Status, read_records

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
NOTICE = 15.0
"""Seconds from the notice until the machine is gone."""
PREEMPTED = 2
"""Ray's number for the reason of a drain."""
RARELY = GRID.replace("checkpoint_seconds: 0.2", "checkpoint_seconds: 10000")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head that trains nothing, and two machines that can be taken away."""
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    head = {"num_cpus": 0, "resources": {"trial_driver": 10}, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_machine_that_is_taken_away_costs_no_failure_and_no_work(
    cluster: Cluster, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    plan = plan_of_legs(tmp_path / "run", max_failures=0, grid=RARELY)
    inflight = plan.run / "phases" / ".inflight"
    saved: list[float] = []
    seen: list[dict[str, object]] = []

    def training_node() -> str:
        if not any(box["taken"] for box in standing().values()) or not list(plan.run.glob("live/*.json")):
            return ""
        busy = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        used = ray._private.state.available_resources_per_node()
        return next((node["NodeID"] for node in busy if not used.get(node["NodeID"], {}).get("CPU")), "")

    def take_away(node: str) -> None:
        began = time.time()
        assert GcsClient(address=cluster.address).drain_node(node, PREEMPTED, "spot", int((began + NOTICE) * 1000))[0]
        assert node in draining_nodes()
        eventually(lambda: list(inflight.glob("*.safetensors")), "a checkpoint", NOTICE)
        saved.append(time.time() - began)
        cluster.remove_node(next(machine for machine in cluster.worker_nodes if machine.node_id == node), allow_graceful=False)
        eventually(lambda: any(box["preemptions"] for box in standing().values()), "the loss of the machine", 120)
        seen.extend(standing().values())

    with Meddler(training_node, take_away) as meddler:
        search = tune(plan, TRAIN, [leg(plan, 0, epochs=100)])
    assert meddler.done == 1 and not search.failed
    assert saved[0] < NOTICE, "without the notice there would be no checkpoint at all"
    assert seen[0]["losses"] == 0 and seen[0]["preemptions"] == 1
    (record,) = read_records(plan.run)
    assert record.status is Status.FINISHED
