"""The head ends its own cluster in a mocked account: workers first, the head last, and no disk is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweep.away.keeper import end_machines
from tests.cluster.conftest import REGION, ROOT, mocked, ray_up

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def test_head_ends_every_machine_of_its_cluster_itself_the_last(tmp_path: Path) -> None:
    with mocked(tmp_path) as patch:
        import boto3
        import botocore.client
        from ray.autoscaler._private.providers import _get_node_provider
        from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_NODE_NAME, TAG_RAY_USER_NODE_TYPE

        config, _ = ray_up(ROOT / "cluster.yaml", patch)
        provider: Any = _get_node_provider(config["provider"], config["cluster_name"])
        (head,) = provider.nodes_for_teardown({TAG_RAY_NODE_KIND: "head"})
        for name in ("spot_small", "on_demand_small"):
            tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_NODE_NAME: name, TAG_RAY_USER_NODE_TYPE: name}
            provider.create_node(config["available_node_types"][name]["node_config"], tags, 1)
        ended: list[list[str]] = []
        call = botocore.client.BaseClient._make_api_call

        def keep(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if operation == "TerminateInstances":
                ended.append(parameters["InstanceIds"])
            return call(self, operation, parameters)

        patch.setattr(botocore.client.BaseClient, "_make_api_call", keep)
        assert end_machines(config, sleep=lambda seconds: None) == 3
        assert ended[-1] == [head] and not any(head in each for each in ended[:-1])
        ec2 = boto3.client("ec2", REGION)
        found = [each for group in ec2.describe_instances()["Reservations"] for each in group["Instances"]]
        assert {each["State"]["Name"] for each in found} == {"terminated"} and len(found) == 3
        assert ec2.describe_volumes()["Volumes"] == []
