"""The cluster files are ones that Ray's own loader takes, and say what the sweep relies on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from sweep.elastic.lasting import STEADY
from tests.cluster.conftest import ROOT

LAUNCHED = [ROOT / "cluster.yaml", ROOT / "cluster" / "gcp.yaml"]


def loaded(file: Path) -> dict[str, Any]:
    held: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return held


def workers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: of for name, of in config["available_node_types"].items() if name != config["head_node_type"]}


@pytest.mark.ray
@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_file_passes_ray_s_own_checks(file: Path) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(copy.deepcopy(loaded(file)))
    validate_config(prepared)
    commands = "\n".join(prepared["head_setup_commands"] + prepared["worker_setup_commands"])
    assert "nightly" not in commands and "latest" not in commands and "pip install" not in commands
    assert prepared["worker_setup_commands"] == ["bash ~/sweep/cluster/setup_node.sh"]


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_head_holds_drivers_and_trains_nothing(file: Path) -> None:
    config = loaded(file)
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0 and head["resources"]["trial_driver"] > 0 and "GPU" not in head["resources"]
    assert "InstanceMarketOptions" not in head["node_config"] and "scheduling" not in head["node_config"]


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_workers_come_and_go_and_offer_one_shape_but_for_the_word_that_they_stay(file: Path) -> None:
    config = loaded(file)
    held = workers(config)
    assert len(held) == 4
    assert len({str({**of["resources"], STEADY: 0}) for of in held.values()}) == 1
    assert {name for name, of in held.items() if STEADY in of["resources"]} == {"on_demand_small", "on_demand_large"}
    assert len({of["priority"] for of in held.values()}) == 4
    for of in held.values():
        assert of["resources"]["GPU"] == 1
        assert of["min_workers"] == 0 < of["max_workers"] and of["idle_timeout_s"] > 0


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_spot_goes_before_on_demand_and_may_fill_the_cluster(file: Path) -> None:
    config = loaded(file)
    held = workers(config)
    spot = [of for name, of in held.items() if name.startswith("spot_")]
    paid_in_full = [of for name, of in held.items() if name.startswith("on_demand_")]
    assert len(spot) == len(paid_in_full) == 2
    assert min(of["priority"] for of in spot) > max(of["priority"] for of in paid_in_full)
    assert all(of["max_workers"] == config["max_workers"] for of in spot)
    assert all(of["max_workers"] < config["max_workers"] for of in paid_in_full)


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_servers_stay_on_the_loopback_and_ask_for_the_token(file: Path) -> None:
    config = loaded(file)
    start = "\n".join(config["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in start and "0.0.0.0" not in start
    assert "-e RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    assert "~/.ray/auth_token" in config["file_mounts"].values()


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_workers_listen_for_the_notice_that_their_machine_goes_away(file: Path) -> None:
    last = loaded(file)["worker_start_ray_commands"][-1]
    assert last.index("ray start ") < last.index("python -m sweep.elastic.spot ") and last.endswith("&")


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_files_that_are_secrets_by_their_names_stay_here(file: Path) -> None:
    assert {".env", "*.pem"} <= set(loaded(file)["rsync_exclude"])
    left_out = (ROOT / "cluster" / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert {"**/.env", "**/*.pem"} <= set(left_out)


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_caches_lie_on_the_machine_s_own_disk(file: Path) -> None:
    options = loaded(file)["docker"]["run_options"]
    assert any(option.endswith(":/mnt/local") for option in options)
    for name in ("SWEEP_CACHE", "HF_HOME", "PIP_CACHE_DIR"):
        assert any(option.startswith(f"-e {name}=/mnt/local/") for option in options)


@pytest.mark.parametrize("file", LAUNCHED, ids=lambda file: file.name)
def test_images_are_of_the_project_s_ray(file: Path) -> None:
    lock = (ROOT / "cluster" / "requirements.lock").read_text("utf-8")
    images = [loaded(file)["docker"][name] for name in ("head_image", "worker_image")]
    version = images[0].split(":")[1].split("-")[0]
    assert f"\nray=={version} " in lock
    assert all(image.startswith(f"rayproject/ray:{version}-py311") for image in images)


@pytest.mark.ray
def test_autoscaler_asks_for_spot_and_never_for_more_than_the_cluster_s_limit(cluster: dict[str, Any]) -> None:
    """Ray's own scheduler, with more trials waiting than there may be machines: by priority, spot alone."""
    from ray.autoscaler._private.util import prepare_config
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil

    prepared = prepare_config(copy.deepcopy(cluster))
    config = AutoscalingConfig(prepared, skip_content_hash=True)
    scheduler = ResourceDemandScheduler(MagicMock())
    waiting = ResourceRequestUtil.group_by_count([ResourceRequestUtil.make({"GPU": 1, "CPU": 4}) for _ in range(40)])
    reply = scheduler.schedule(
        SchedulingRequest(
            node_type_configs=config.get_node_type_configs(),
            disable_launch_config_check=True,
            max_num_nodes=config.get_max_num_nodes() - 1,  # the head is one of them
            resource_requests=waiting,
        )
    )
    asked = {launch.instance_type: launch.count for launch in reply.to_launch}
    assert asked == {"spot_large": 16}
