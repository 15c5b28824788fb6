"""On Ray's real autoscaler: a phase whose spot machines are killed again and again ends on one that stays, and all is the same.

The nodes are processes of this machine (`fleet`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep.watch.live import read_live
from tests.elastic.fleet import WORKER, Fleet, fleet
from tests.elastic.test_autoscaler import GRID, checkpointed, start
from tests.sweep.launches import Launch, end_session, eventually, leftovers, run_to_end, weights
from training.record import Status, read_records

pytestmark = [pytest.mark.ray, pytest.mark.cluster, pytest.mark.timeout(1800)]
TYPES = {
    "spot": {"resources": WORKER, "node_config": {}, "min_workers": 0, "max_workers": 6},
    "stays": {"resources": {**WORKER, "on_demand": 1}, "node_config": {}, "min_workers": 0, "max_workers": 1},
}
MOST = 8
"""Spot machines that are killed before the test gives up."""


def _on_what_stays(cluster: Fleet) -> bool:
    kinds = cluster.kinds()
    return any(kinds.get(node) == "stays" for node in cluster.busy())


def _killed_until_it_moves(cluster: Fleet, run: Path, launch: Launch) -> int:
    """Kill every spot machine that works, as soon as its leg has a checkpoint; returns how many."""
    for number in range(MOST):
        eventually(lambda: _on_what_stays(cluster) or (_training(run) and _spot_at_work(cluster)), launch.said, 150)
        if _on_what_stays(cluster):
            return number
        for node in _spot_at_work(cluster):
            cluster.kill(node)
        eventually(lambda: not _spot_at_work(cluster), "the end of the node")
    raise AssertionError(f"{MOST} spot machines were lost, and the phase never moved: {launch.said}")


def _training(run: Path) -> bool:
    """Whether a process that is alive trains, from a checkpoint on or with one written."""
    living = [state for state in read_live(run) if Path(f"/proc/{state['pid']}").exists()]
    return bool(living) and checkpointed(run)


def _spot_at_work(cluster: Fleet) -> list[str]:
    kinds = cluster.kinds()
    return [node for node in cluster.busy() if kinds.get(node) == "spot" and node not in cluster.killed]


def test_phase_whose_spot_machines_keep_dying_ends_on_one_that_stays(tmp_path: Path) -> None:
    cache, run, grid = tmp_path / "cache", tmp_path / "run", tmp_path / "elastic.yaml"
    text = (
        GRID.replace("EPOCHS", "40").replace("CORES", "1").replace("intermediates: [none, mini_nli]", "intermediates: [none]")
    )
    grid.write_text(text.replace("trials: 2", "trials: 1").replace("executor: train", f"executor: train, max_failures: {MOST}"))
    with fleet(cache, 7, TYPES) as cluster:
        launch = start(cluster, cache, tmp_path, grid)
        try:
            killed = _killed_until_it_moves(cluster, run, launch)
            assert killed >= 2, "two losses are the least that say something"
            assert launch.wait() == 0, launch.said
        finally:
            if launch.process.poll() is None:
                end_session(launch)
        assert cluster.wanted() == 0
    assert "goes to an on-demand machine" in " ".join(launch.said.split())
    assert json.loads((run / "losses.json").read_text())["losses"] >= 2
    code, said = run_to_end(cache, tmp_path / "local.log", "launch", "--grid", grid, "--run", tmp_path / "local")
    assert code == 0, said
    assert weights(run) == weights(tmp_path / "local")
    assert {record.status for record in read_records(run)} == {Status.FINISHED}
    assert leftovers(run) == []
