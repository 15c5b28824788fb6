"""The cluster file is one that Ray's own loader takes, and says what the sweep relies on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text("utf-8"))
    return loaded


@pytest.mark.ray
def test_cluster_file_passes_ray_s_own_checks(cluster: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(copy.deepcopy(cluster))
    validate_config(prepared)
    assert not any("nightly" in command or "latest" in command for command in prepared["worker_setup_commands"])
    assert any("--editable ~/sweep" in command for command in prepared["worker_setup_commands"])


def test_head_holds_drivers_and_trains_nothing(cluster: dict[str, Any]) -> None:
    head = cluster["available_node_types"][cluster["head_node_type"]]
    assert head["resources"]["CPU"] == 0 and head["resources"]["trial_driver"] > 0
    assert "InstanceMarketOptions" not in head["node_config"]


def test_workers_are_spot_machines_with_a_gpu_that_come_and_go(cluster: dict[str, Any]) -> None:
    workers = [node for name, node in cluster["available_node_types"].items() if name != cluster["head_node_type"]]
    assert len(workers) >= 2
    for worker in workers:
        assert worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
        assert worker["resources"]["GPU"] == 1
        assert worker["min_workers"] == 0 < worker["max_workers"] and worker["idle_timeout_s"] > 0


def test_cluster_installs_the_versions_of_the_project(cluster: dict[str, Any]) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ray = next(name for name in project["dependencies"] if name.startswith("ray["))
    assert ">=2.60,<2.61" in ray
    assert all("ray:2.60.0-py311" in cluster["docker"][image] for image in ("head_image", "worker_image"))
