"""`ray up cluster.yaml` in a mocked account: what is asked of EC2, IAM and S3, and that `ray down` leaves no machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import IMAGE, REGION, ROOT, Runner, mocked, ray_up

pytestmark = [pytest.mark.slow, pytest.mark.ray]
WORKERS = ("spot_large", "spot_small", "on_demand_large", "on_demand_small")
BUCKET = "sweep-123456789012-us-west-2"


@dataclass
class Up:
    config: dict[str, Any]
    runner: Runner
    home: Path
    asked: list[dict[str, Any]]  # parameters of each RunInstances


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The cluster after `ray up`, with one worker of each type, started by the autoscaler's own launcher."""
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.v2.instance_manager.config import FileConfigReader
    from ray.autoscaler.v2.instance_manager.node_provider import NodeProviderAdapter

    home = tmp_path_factory.mktemp("home")
    asked: list[dict[str, Any]] = []
    with mocked(home) as patch:
        import botocore.client

        call = botocore.client.BaseClient._make_api_call

        def keep(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
            if operation == "RunInstances":
                asked.append(parameters)
            return call(self, operation, parameters)

        patch.setattr(botocore.client.BaseClient, "_make_api_call", keep)
        config, runner = ray_up(ROOT / "cluster.yaml", patch)
        head_s = home / "ray_bootstrap_config.yaml"
        head_s.write_text(json.dumps(config), "utf-8")
        reader = FileConfigReader(str(head_s), skip_content_hash=True)
        adapter = NodeProviderAdapter(_get_node_provider(config["provider"], config["cluster_name"]), reader)
        for name in WORKERS:
            adapter._launch_nodes_by_type(name, 1, "request")
        assert adapter.poll_errors() == []
        yield Up(config, runner, home, asked)


def client(service: str) -> Any:
    import boto3

    return boto3.client(service, REGION)


def machines() -> dict[str, dict[str, Any]]:
    """Running machines by their node type."""
    found = [one for held in client("ec2").describe_instances()["Reservations"] for one in held["Instances"]]
    return {tags(one)["ray-user-node-type"]: one for one in found if one["State"]["Name"] == "running"}


def tags(one: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in one["Tags"]}


def test_head_is_bought_on_demand_and_workers_as_their_type_says(up: Up) -> None:
    bought = {name: (one["InstanceType"], one.get("InstanceLifecycle", "on-demand")) for name, one in machines().items()}
    assert bought == {
        "head": ("m6i.2xlarge", "on-demand"),
        "spot_large": ("g6e.2xlarge", "spot"),
        "spot_small": ("g5.2xlarge", "spot"),
        "on_demand_large": ("g6e.2xlarge", "on-demand"),
        "on_demand_small": ("g5.2xlarge", "on-demand"),
    }


def test_each_machine_and_its_disks_carry_the_budget_tag(up: Up) -> None:
    ec2 = client("ec2")
    for name, one in machines().items():
        assert tags(one)["budget"] == "sweep" and tags(one)["sweep-launched-as"] == name
        held = [disk["Ebs"]["VolumeId"] for disk in one["BlockDeviceMappings"]]
        assert held
        for volume in ec2.describe_volumes(VolumeIds=held)["Volumes"]:
            assert tags(volume)["budget"] == "sweep"


def test_disks_are_asked_for_encrypted_and_go_with_their_machine(up: Up) -> None:
    assert len(up.asked) == 5
    for request in up.asked:
        (disk,) = request["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"] is True and disk["Ebs"]["DeleteOnTermination"] is True
        assert request["MetadataOptions"]["HttpTokens"] == "required"
        assert request["ImageId"] == IMAGE


def test_security_group_lets_ssh_in_and_the_group_itself(up: Up) -> None:
    held = {group["GroupId"] for one in machines().values() for group in one["SecurityGroups"]}
    assert len(held) == 1
    (group,) = client("ec2").describe_security_groups(GroupIds=list(held))["SecurityGroups"]
    assert group["GroupName"] == "sweep"
    from_outside = [rule for rule in group["IpPermissions"] if rule["IpRanges"] or rule.get("Ipv6Ranges")]
    assert [(rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) for rule in from_outside] == [(22, 22, "tcp")]
    inside = [rule for rule in group["IpPermissions"] if rule["UserIdGroupPairs"]]
    assert {pair["GroupId"] for rule in inside for pair in rule["UserIdGroupPairs"]} == held


def policy_of(one: dict[str, Any]) -> list[dict[str, Any]]:
    iam = client("iam")
    (profile,) = (
        known for known in iam.list_instance_profiles()["InstanceProfiles"] if known["Arn"] == one["IamInstanceProfile"]["Arn"]
    )
    (role,) = profile["Roles"]
    assert iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"] == []
    (name,) = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
    statements: list[dict[str, Any]] = (document if isinstance(document, dict) else json.loads(document))["Statement"]
    return statements


def resources(statement: dict[str, Any]) -> list[str]:
    held = statement["Resource"]
    return [held] if isinstance(held, str) else held


def test_workers_may_use_one_bucket_and_nothing_else(up: Up) -> None:
    held = machines()
    for name in WORKERS:
        for statement in policy_of(held[name]):
            assert all(resource.startswith(f"arn:aws:s3:::{BUCKET}") for resource in resources(statement))


def test_head_may_end_machines_of_its_own_cluster_alone(up: Up) -> None:
    statements = policy_of(machines()["head"])
    for statement in statements:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert not any("*" in action for action in actions)
        if "ec2:TerminateInstances" in actions:
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/ray-cluster-name": "sweep"}}
        if "iam:PassRole" in actions:
            assert resources(statement) == ["arn:aws:iam::123456789012:role/sweep-us-west-2-worker"]
        if any(action.startswith("s3:") for action in actions):
            assert all(resource.startswith(f"arn:aws:s3:::{BUCKET}") for resource in resources(statement))


def test_the_bucket_is_closed_and_encrypted(up: Up) -> None:
    s3 = client("s3")
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_every_node_mounts_one_encrypted_folder_reached_from_the_group_alone(up: Up) -> None:
    efs = client("efs")
    (system,) = efs.describe_file_systems()["FileSystems"]
    assert system["Encrypted"] is True and {"Key": "budget", "Value": "sweep"} in system["Tags"]
    targets = efs.describe_mount_targets(FileSystemId=system["FileSystemId"])["MountTargets"]
    zones = [target["AvailabilityZoneName"] for target in targets]
    assert len(zones) == len(set(zones)) == 4
    groups = {group["GroupId"] for one in machines().values() for group in one["SecurityGroups"]}
    for target in targets:
        assert set(efs.describe_mount_target_security_groups(MountTargetId=target["MountTargetId"])["SecurityGroups"]) == groups
    assert f"{system['FileSystemId']}.efs.us-west-2.amazonaws.com:/ /mnt/sweep" in up.config["initialization_commands"][-1]
    assert any(f"{system['FileSystemId']}.efs" in call for call in up.runner.calls)


def test_the_head_is_set_up_by_the_script_and_told_of_bucket_and_token(up: Up) -> None:
    sent = "\n".join(up.runner.calls)
    assert "/sweep/cluster/setup_node.sh" in sent
    assert "--dashboard-host=127.0.0.1" in sent
    assert f"SWEEP_BUCKET={BUCKET}" in sent and "RAY_AUTH_MODE=token" in sent


def test_the_token_is_made_for_its_owner_alone_and_never_in_a_command(up: Up) -> None:
    token = up.home / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text("utf-8")) == 32
    assert token.read_text("utf-8") not in "\n".join(up.runner.calls)
    assert any("auth_token" in call and "rsync" in call for call in up.runner.calls)


def test_ray_up_again_keeps_the_head_and_makes_nothing_twice(up: Up) -> None:
    head = machines()["head"]["InstanceId"]
    with pytest.MonkeyPatch.context() as patch:
        config, _ = ray_up(ROOT / "cluster.yaml", patch)
    assert config == up.config
    assert machines()["head"]["InstanceId"] == head and len(machines()) == 5
    assert len(client("efs").describe_file_systems()["FileSystems"]) == 1
    assert [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_ray_down_leaves_no_machine_and_no_disk(up: Up) -> None:
    """Last in this file: the machines are gone after it."""
    from ray.autoscaler._private import commands

    stopped: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "exec_cluster", lambda *_, **__: None)
        patch.setattr(commands, "_exec", lambda _updater, command, **__: stopped.append(command))  # would be real SSH
        commands.teardown_cluster(str(ROOT / "cluster.yaml"), True, False, None, False)
    assert stopped == ["docker stop sweep"] * 5
    assert machines() == {}
    assert client("ec2").describe_volumes()["Volumes"] == []
