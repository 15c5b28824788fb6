"""A machine that EC2 has none of: the next type by priority stands in for it, within its limit, and is said to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.conftest import IMAGE, REGION

pytestmark = pytest.mark.ray


def node_type(priority: int, name: str, spot: bool, most: int = 4, **resources: int) -> dict[str, Any]:
    node: dict[str, Any] = {"InstanceType": name, "ImageId": IMAGE, "SubnetIds": ["SUBNET"]}
    if spot:
        node["InstanceMarketOptions"] = {"MarketType": "spot"}
    return {"priority": priority, "max_workers": most, "resources": resources or {"CPU": 8, "GPU": 1}, "node_config": node}


LARGE, SMALL = ("g6e.2xlarge", "spot"), ("g5.2xlarge", "spot")
TYPES = {
    "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
    "spot_large": node_type(40, "g6e.2xlarge", spot=True),
    "spot_small": node_type(30, "g5.2xlarge", spot=True),
    "on_demand_small": node_type(20, "g5.2xlarge", False, 2, CPU=8, GPU=1, on_demand=1),
    "other_shape": node_type(10, "g5.12xlarge", False, 4, CPU=48, GPU=4),
}


class Cloud:
    """EC2 that has none of some machines; keeps what it was asked for."""

    def __init__(self, create: Any) -> None:
        self.refuses: set[tuple[str, str]] = set()
        self.code = "InsufficientInstanceCapacity"
        self.asked: list[tuple[str, str]] = []
        self.most: list[int] = []
        self._create = create

    def lacks(self, *kinds: tuple[str, str], code: str = "InsufficientInstanceCapacity") -> None:
        self.refuses, self.code = set(kinds), code

    def create_instances(self, **asked: Any) -> Any:
        from botocore.exceptions import ClientError

        kind = (asked["InstanceType"], "spot" if "InstanceMarketOptions" in asked else "on-demand")
        self.asked.append(kind)
        self.most.append(asked["MaxCount"])
        if kind in self.refuses:
            raise ClientError({"Error": {"Code": self.code, "Message": "none"}}, "RunInstances")
        return self._create(**asked)


@pytest.fixture
def provider(aws: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    from sweep.aws.provider import SpotFirst, stand_ins

    subnet = boto3.client("ec2", REGION).describe_subnets()["Subnets"][0]["SubnetId"]
    for of in TYPES.values():
        if of["node_config"]:
            of["node_config"]["SubnetIds"] = [subnet]
    instead = stand_ins({"available_node_types": TYPES, "head_node_type": "head"})
    yield SpotFirst({"region": REGION, "cache_stopped_nodes": False, "instead": instead}, "sweep")


@pytest.fixture
def cloud(provider: Any, aws: pytest.MonkeyPatch) -> Cloud:
    # boto3's resource outlives the test: the launcher keeps one a process.
    held = Cloud(provider.ec2_fail_fast.create_instances)
    aws.setattr(provider.ec2_fail_fast, "create_instances", held.create_instances)
    return held


def launch(provider: Any, name: str, count: int = 1) -> list[tuple[str, str]]:
    """What was started: the node type that Ray counts, and the one that it is."""
    node = TYPES[name]["node_config"]
    tags = {"ray-user-node-type": name, "ray-node-type": "worker", "ray-launch-config": "x"}
    started = provider.create_node(node, tags, count)
    found = []
    for one in started.values():
        one.reload()
        held = {tag["Key"]: tag["Value"] for tag in one.tags}
        found.append((held["ray-user-node-type"], held["sweep-launched-as"]))
    return found


def test_types_stand_in_for_those_above_them_that_offer_the_same() -> None:
    from sweep.aws.provider import stand_ins

    held = stand_ins({"available_node_types": TYPES, "head_node_type": "head"})
    assert {name: [other["type"] for other in others] for name, others in held.items()} == {
        "spot_large": ["spot_small", "on_demand_small"],
        "spot_small": ["on_demand_small"],
        "on_demand_small": [],
        "other_shape": [],
    }


def test_spot_machine_never_stands_in_for_one_that_stays() -> None:
    from sweep.aws.provider import stand_ins

    types = {**TYPES, "spot_small": {**TYPES["spot_small"], "priority": 1}}
    held = stand_ins({"available_node_types": types, "head_node_type": "head"})
    assert [other["type"] for other in held["on_demand_small"]] == []
    assert [other["type"] for other in held["spot_large"]] == ["on_demand_small", "spot_small"]


def test_what_ec2_has_is_what_was_asked_for(provider: Any, cloud: Cloud) -> None:
    assert launch(provider, "spot_large") == [("spot_large", "spot_large")]
    assert cloud.asked == [LARGE]


def test_another_spot_machine_stands_in_before_one_on_demand(provider: Any, cloud: Cloud) -> None:
    cloud.lacks(LARGE)
    assert launch(provider, "spot_large") == [("spot_large", "spot_small")]


def test_without_any_spot_machine_one_is_bought_on_demand(provider: Any, cloud: Cloud) -> None:
    cloud.lacks(LARGE, SMALL, code="MaxSpotInstanceCountExceeded")
    assert launch(provider, "spot_large") == [("spot_large", "on_demand_small")]


def test_machines_on_demand_stay_within_their_limit(provider: Any, cloud: Cloud) -> None:
    cloud.lacks(LARGE, SMALL)
    # The mock gives one machine of those asked for, as EC2 may.
    assert launch(provider, "spot_large", 5) == [("spot_large", "on_demand_small")]
    assert launch(provider, "spot_large", 5) == [("spot_large", "on_demand_small")]
    assert cloud.most[-2:] == [2, 1]
    with pytest.raises(Exception, match="refused lately"):
        launch(provider, "spot_large")


def test_a_type_that_was_refused_is_left_alone_for_a_while_then_asked_for_again(
    provider: Any, cloud: Cloud, aws: pytest.MonkeyPatch
) -> None:
    import sweep.aws.provider as module

    cloud.lacks(LARGE)
    launch(provider, "spot_large")
    before = cloud.asked.count(LARGE)
    launch(provider, "spot_large")
    assert cloud.asked.count(LARGE) == before
    cloud.refuses.clear()
    later = module.time.monotonic() + module.DRY + 1
    aws.setattr(module.time, "monotonic", lambda: later)
    assert launch(provider, "spot_large") == [("spot_large", "spot_large")]


def test_a_refusal_that_another_machine_would_meet_too_is_reported_at_once(provider: Any, cloud: Cloud) -> None:
    cloud.lacks(LARGE, code="UnauthorizedOperation")
    with pytest.raises(Exception, match="UnauthorizedOperation"):
        launch(provider, "spot_large")
    assert set(cloud.asked) == {LARGE}


def test_ray_s_autoscaler_is_told_when_there_is_nothing_at_all(provider: Any, cloud: Cloud) -> None:
    from ray.autoscaler.node_launch_exception import NodeLaunchException

    cloud.lacks(*((of, market) for of in ("g6e.2xlarge", "g5.2xlarge") for market in ("spot", "on-demand")))
    with pytest.raises(NodeLaunchException) as caught:
        launch(provider, "spot_large")
    assert caught.value.category == "InsufficientInstanceCapacity"
