"""One folder that all nodes of a cluster see, for run folders and data; it outlives the cluster. A file system of EFS."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from training.errors import UserError

if TYPE_CHECKING:
    from sweep.aws.account import Account

FOLDER = "/mnt/sweep"
PATIENCE = 120.0
"""Seconds for which a new file system may take to be there."""
_MOUNT = "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"


def file_system(account: Account, cluster: str, subnets: Iterable[str], groups: Iterable[str]) -> tuple[str, bool]:
    """The id of the cluster's file system and whether it was made now: encrypted, and reached from `groups` alone.

    Raises:
        UserError: AWS takes longer than `PATIENCE` to make it.
    """
    efs, token = account.client("efs"), f"{cluster}-{account.region}"
    held = efs.describe_file_systems(CreationToken=token)["FileSystems"]
    if held:
        name: str = held[0]["FileSystemId"]
    else:
        tags = [{"Key": "Name", "Value": token}, {"Key": "budget", "Value": cluster}]
        name = efs.create_file_system(CreationToken=token, Encrypted=True, ThroughputMode="elastic", Tags=tags)["FileSystemId"]
    until = time.monotonic() + PATIENCE
    while efs.describe_file_systems(FileSystemId=name)["FileSystems"][0]["LifeCycleState"] != "available":
        if time.monotonic() > until:
            raise UserError("this file system is not there yet", name, "give the same command again in a minute")
        time.sleep(2)
    _reach(account, efs, name, subnets, sorted(groups))
    return name, not held


def _reach(account: Account, efs: Any, name: str, subnets: Iterable[str], groups: list[str]) -> None:
    """A way in from each zone; AWS takes one a zone."""
    reached = {target["AvailabilityZoneName"] for target in efs.describe_mount_targets(FileSystemId=name)["MountTargets"]}
    for subnet in account.client("ec2").describe_subnets(SubnetIds=sorted(subnets))["Subnets"]:
        if subnet["AvailabilityZone"] not in reached:
            reached.add(subnet["AvailabilityZone"])
            efs.create_mount_target(FileSystemId=name, SubnetId=subnet["SubnetId"], SecurityGroups=groups)


def mount(name: str, region: str) -> str:
    """The command that mounts it on a node. Its address is known a minute or two after the file system was made."""
    apt = "sudo apt-get -o DPkg::Lock::Timeout=300 -qq"
    attempt = f"sudo mount -t nfs4 -o {_MOUNT} {name}.efs.{region}.amazonaws.com:/ {FOLDER}"
    return (
        f"command -v mount.nfs4 >/dev/null || {{ {apt} update && {apt} install -y nfs-common; }}; "
        f"for _ in $(seq 20); do mountpoint -q {FOLDER} && break; {attempt} && break; sleep 15; done; "
        f"mountpoint -q {FOLDER} && sudo chmod 1777 {FOLDER}"
    )
