"""The whole of it, on Ray's real autoscaler: nodes come from none, are lost, are drained, go again, and the table is the same.

The nodes are processes of this machine (`fleet`), each with one core and what Ray takes for a GPU; trials train on the core.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.watch.live import read_live
from tests.elastic.clouds import Service, serving
from tests.elastic.fleet import Fleet, fleet
from tests.sweep.launches import Launch, begin, end_session, eventually, leftovers, run_to_end, tables, weights
from training.record import Status, read_records

pytestmark = [pytest.mark.ray, pytest.mark.cluster, pytest.mark.timeout(1800)]

GRID = """\
name: elastic
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates: [none, mini_nli]
targets: [mini_udpos]
data:
  mini_mlm: {caps: {train: 200, dev: 50}}
  mini_nli: {caps: {train: 96, dev: 48}}
  mini_udpos: {languages: [en, qaa], caps: {train: 400, dev: 48, test: 48}}
search:
  trials: 2
  sampler: random
  space: {intermediate: {lr: [3e-4], epochs: [1]}, target: {lr: [1e-4, 1e-3], epochs: [EPOCHS]}}
training: {batch: 16}
resources: {executor: train, checkpoint_seconds: 1, cpu: CORES}
"""
NOTICE = 20.0
"""Seconds from a notice until the machine is gone."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cluster(cache: Path) -> Iterator[Fleet]:
    with fleet(cache) as found:
        yield found


def written(folder: Path, epochs: int = 18, cores: int = 1) -> Path:
    path = folder / "elastic.yaml"
    path.write_text(GRID.replace("EPOCHS", str(epochs)).replace("CORES", str(cores)))
    return path


def start(cluster: Fleet, cache: Path, folder: Path, grid: Path) -> Launch:
    return begin(cache, folder / "log", "launch", "--grid", grid, "--run", folder / "run", **cluster.environment)


def checkpointed(run: Path) -> bool:
    """Whether a target phase is under way, and something has left a checkpoint."""
    training = any("udpos" in str(state.get("phase")) and state.get("step", 0) > 30 for state in read_live(run))
    return training and any((run / "phases" / ".inflight").glob("*.safetensors"))


def watcher(cluster: Fleet, node: str, service: Service, log: Path) -> subprocess.Popen[bytes]:
    """The watcher of a node, as a machine of a cloud runs it."""
    words = ["-m", "sweep.elastic.spot", "--address", cluster.address, "--node-id", node, "--metadata", service.address]
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *words, "--interval", "0.2"], env=os.environ | cluster.environment, stderr=stream
        )


def test_sweep_on_nodes_that_come_and_go_ends_in_the_table_of_a_local_one(cluster: Fleet, cache: Path, tmp_path: Path) -> None:
    grid, run = written(tmp_path), tmp_path / "run"
    launch = start(cluster, cache, tmp_path, grid)
    spot: subprocess.Popen[bytes] | None = None
    try:
        assert cluster.workers() == []
        eventually(lambda: checkpointed(run) and cluster.busy(), f"a target phase under way: {launch.said}", 150)
        lost = cluster.busy()[0]
        cluster.kill(lost)
        eventually(lambda: checkpointed(run) and set(cluster.busy()) - {lost}, f"another node at work: {launch.said}", 120)
        with serving(Service()) as service:
            node = next(name for name in cluster.busy() if name != lost)
            spot = watcher(cluster, node, service, tmp_path / "spot.log")
            eventually(lambda: "no notice" in (tmp_path / "spot.log").read_text(), "the watcher")
            service.interrupt(time.time() + NOTICE)
            eventually(lambda: "node drained" in (tmp_path / "spot.log").read_text(), "the drain")
        assert launch.wait() == 0, launch.said
        eventually(lambda: not cluster.workers(), "the end of every node")
    finally:
        if spot is not None:
            spot.kill()
            spot.wait()
        if launch.process.poll() is None:
            end_session(launch)
    assert cluster.seen == 2 and len(cluster.ever) >= 3, "two at once, and others for those that were taken away"
    assert cluster.wanted() == 0
    code, said = run_to_end(cache, tmp_path / "local.log", "launch", "--grid", grid, "--run", tmp_path / "local")
    assert code == 0, said
    assert tables(run) == tables(tmp_path / "local")
    assert weights(run) == weights(tmp_path / "local")
    assert {record.status for record in read_records(run)} == {Status.FINISHED}
    assert leftovers(run) == []


def test_launch_that_is_killed_leaves_no_wish_and_no_node(cluster: Fleet, cache: Path, tmp_path: Path) -> None:
    launch = start(cluster, cache, tmp_path, written(tmp_path, epochs=200))
    try:
        eventually(lambda: cluster.wanted() and cluster.busy(), f"a wish and a node at work: {launch.said}", 150)
        os.kill(launch.process.pid, signal.SIGKILL)
        eventually(lambda: not cluster.wanted(), "the end of the wish", 100)
        eventually(lambda: not cluster.workers(), "the end of every node", 60)
    finally:
        end_session(launch)


def test_shape_that_no_node_to_come_has_is_refused_with_the_nearest(cluster: Fleet, cache: Path, tmp_path: Path) -> None:
    launch = start(cluster, cache, tmp_path, written(tmp_path, cores=3))
    assert launch.wait() == 2
    assert "a trial needs 3 CPU" in launch.said
    assert "nearest is spot: lower what a trial takes of CPU to 1" in " ".join(launch.said.split())
    assert "Traceback" not in launch.said and cluster.ever == set()
