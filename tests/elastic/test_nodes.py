"""What an autoscaler may bring is read from its configuration; a trial that no node of it could run is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sweep.elastic.joining import driver_places
from sweep.elastic.nodes import NodeType, Offer, monitored_config, offer_of, places_on
from sweep.planning.preflight import check_resources
from tests.sweep.plans import SMALL, plan_of
from training.errors import UserError

CLUSTER = Path(__file__).parents[2] / "cluster.yaml"
ON_GPUS = SMALL + "resources: {device: cuda}\n"
CONFIG = {
    "max_workers": 5,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 0}},
        "large": {"resources": {"CPU": 8, "GPU": 2}, "max_workers": 2},
        "small": {"resources": {"CPU": 4, "GPU": 1}},
        "never": {"resources": {"CPU": 96, "GPU": 8}, "max_workers": 0},
        "unsized": {},
    },
}


def test_offer_has_the_types_that_may_be_started() -> None:
    assert offer_of(CONFIG) == Offer(
        (NodeType("large", {"CPU": 8.0, "GPU": 2.0}, 2), NodeType("small", {"CPU": 4.0, "GPU": 1.0}, 5)), 5
    )


@pytest.mark.parametrize(
    ("wanted", "places"),
    [({"CPU": 1.0, "GPU": 1.0}, 7), ({"CPU": 1.0, "GPU": 0.5}, 14), ({"CPU": 8.0}, 2), ({"GPU": 4.0}, 0), ({"TPU": 1.0}, 0)],
)
def test_places_are_those_of_the_roomiest_nodes_that_may_be_up_at_once(wanted: dict[str, float], places: int) -> None:
    assert offer_of(CONFIG).places(wanted) == places


def test_cluster_file_of_the_project_makes_an_offer() -> None:
    offer = offer_of(yaml.safe_load(CLUSTER.read_text("utf-8")))
    assert offer.most == 16 and {each.name for each in offer.types} >= {"spot_large", "spot_small"}
    assert all(places_on(each.resources, {"CPU": 1.0, "GPU": 1.0}) for each in offer.types)


def test_configuration_is_the_one_of_the_cluster_at_the_address() -> None:
    def monitor(address: str, *more: str) -> list[str]:
        return ["python", "-u", "ray/autoscaler/v2/monitor.py", "--logs-dir=x", f"--gcs-address={address}", *more]

    commands = [["bash"], monitor("10.0.0.1:6379", "--autoscaling-config=a.yaml"), monitor("10.0.0.2:6379")]
    commands += [["cat", "--gcs-address=10.0.0.3:6379", "--autoscaling-config=b.yaml"]]
    assert monitored_config("10.0.0.1:6379", commands) == Path("a.yaml")
    assert monitored_config("10.0.0.2:6379", commands) is None
    assert monitored_config("10.0.0.3:6379", commands) is None


def test_trial_that_a_node_to_come_can_run_is_let_through_with_none_up() -> None:
    check_resources({"CPU": 8.0, "GPU": 1.0}, [{"CPU": 0.0}], offer_of(CONFIG).types)


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ({"CPU": 16.0, "GPU": 1.0}, "nearest is large: lower what a trial takes of CPU to 8,"),
        ({"CPU": 5.0, "GPU": 4.0}, "nearest is large: lower what a trial takes of GPU to 2,"),
        ({"CPU": 9.0, "GPU": 3.0}, "nearest is large: lower what a trial takes of CPU to 8 and GPU to 2,"),
        ({"CPU": 1.0, "TPU": 1.0}, "nearest is large: lower what a trial takes of TPU to 0,"),
    ],
)
def test_trial_that_no_node_to_come_can_run_is_refused_with_the_nearest(wanted: dict[str, float], remedy: str) -> None:
    with pytest.raises(UserError) as refused:
        check_resources(wanted, [{"CPU": 0.0}], offer_of(CONFIG).types)
    assert refused.value.remedy.startswith(remedy)
    assert "its autoscaler may start large (" in str(refused.value.value)


def test_drivers_that_the_head_holds_are_the_most_trials_at_once() -> None:
    plan, nodes = plan_of(ON_GPUS), [{"CPU": 0.0, "trial_driver": 16.0}, {"GPU": 8.0}]
    assert driver_places(plan, nodes) == 16
    assert driver_places(replace(plan, shares={plan.studies[0].label: 0.5}), nodes) == 15, "a second share takes a little more"


def test_cluster_that_holds_no_driver_is_refused_with_what_gives_it_some() -> None:
    with pytest.raises(UserError, match="drivers of trials") as refused:
        driver_places(plan_of(ON_GPUS), [{"CPU": 8.0, "GPU": 1.0}])
    assert '--resources=\'{"trial_driver"' in refused.value.remedy
