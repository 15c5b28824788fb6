"""Ray's AWS provider with what cluster.yaml promises: nothing to set up by hand, and a way on when spot machines run out.

* `ray up` makes what is missing in the account (`sweep.aws.account`) and the token that the cluster's servers ask for.
* Ray 2.60 goes on asking for a node type that EC2 has none of, whatever the priorities say: its autoscaler lowers a type only
  when a machine it got fails to start. So a refused launch is made here with the next node type by priority that offers the
  same resources. Ray counts the machine under the type it asked for; the tag `sweep-launched-as` says what it is.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import shlex
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.cli_logger import cli_logger
from ray.autoscaler.node_launch_exception import NodeLaunchException
from ray.autoscaler.tags import TAG_RAY_USER_NODE_TYPE

from sweep.aws import shared
from sweep.aws.account import Account
from sweep.aws.policies import CLUSTER_TAG
from sweep.elastic.lasting import STEADY
from sweep.options import BUCKET_VARIABLE
from training.errors import UserError

Config = dict[str, Any]
AS_TAG = "sweep-launched-as"
DRY = 600.0
"""Seconds for which a node type that was refused is not asked for again."""
REFUSALS = frozenset({
    "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity", "SpotMaxPriceTooLow", "Unsupported",
    "MaxSpotInstanceCountExceeded", "VcpuLimitExceeded", "InstanceLimitExceeded", "InsufficientFreeAddressesInSubnet",
})  # fmt: skip
"""EC2's codes for "not here, not now", which another kind of machine may not get."""
_log = logging.getLogger(__name__)


class _Told(click.ClickException):
    """A fault of the user's, as Ray's command line shows one: no traceback."""

    exit_code = 2


class SpotFirst(AWSNodeProvider):
    """Machines by priority: a refused type is replaced by the next one of equal resources, up to that one's `max_workers`."""

    def __init__(self, provider_config: Config, cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)  # type: ignore[no-untyped-call]
        self._dry: dict[str, float] = {}

    def create_node(self, node_config: Config, tags: dict[str, str], count: int) -> Config:
        """Start `count` machines of the type that `tags` names, or of those that stand in for it.

        Raises:
            NodeLaunchException: EC2 has none of them, or refused for another reason.
        """
        wanted = tags.get(TAG_RAY_USER_NODE_TYPE, "")
        started: Config = {}
        refused = NodeLaunchException("Sweep", f"{wanted}: refused lately, as was all that could stand in for it", None)
        for name, config, room in self._choices(wanted, node_config):
            asked = int(min(count - len(started), room))
            if asked <= 0:
                continue
            try:
                started.update(super().create_node(config, {**tags, AS_TAG: name}, asked))
            except NodeLaunchException as error:
                if error.category not in REFUSALS and not started:
                    raise
                self._dry[name] = time.monotonic() + DRY
                refused = error
                _log.warning("%s: EC2 has none now (%s)", name, error.category)
        if not started:
            raise refused
        return started

    def _choices(self, wanted: str, config: Config) -> Iterator[tuple[str, Config, float]]:
        """Type, machine and how many more of it there may be; without those that are dry."""
        others = self.provider_config.get("instead", {}).get(wanted, [])
        now = time.monotonic()
        if not others or self._dry.get(wanted, now) <= now:
            yield wanted, config, math.inf
        for other in others:
            if self._dry.get(other["type"], now) <= now:
                yield other["type"], other["node_config"], other["max_workers"] - self._running_as(other["type"])

    def _running_as(self, name: str) -> int:
        filters = {f"tag:{CLUSTER_TAG}": self.cluster_name, f"tag:{AS_TAG}": name}
        listed = [{"Name": key, "Values": [value]} for key, value in filters.items()]
        states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        return len(list(self.ec2.instances.filter(Filters=[*listed, states])))

    @staticmethod
    def fillout_available_node_types_resources(cluster_config: Config) -> Config:
        """The types as cluster.yaml writes them: they say all that trials ask for."""
        return cluster_config

    @staticmethod
    def bootstrap_config(cluster_config: Config) -> Config:
        """The configuration with what the account gives it; makes what is missing there.

        Raises:
            click.ClickException: there are no credentials, they do not suffice, or a name belongs to someone else.
        """
        try:
            config = dict(bootstrap_aws(_prepared(copy.deepcopy(cluster_config))))
            _share(config)
        except UserError as error:
            raise _Told(str(error)) from error
        except ClientError as error:
            remedy = "give credentials that may make a bucket, roles and machines (docs/CLUSTER.md)"
            raise _Told(str(UserError(f"AWS refused a step of the set-up ({error})", remedy=remedy))) from error
        config["provider"]["instead"] = stand_ins(config)
        return config


def _prepared(config: Config) -> Config:
    provider, types = config["provider"], config["available_node_types"]
    cluster = config["cluster_name"]
    account = Account(provider["region"], provider.get("aws_credentials"))
    bucket, made = account.bucket(provider.get("bucket"), {"budget": cluster})
    cli_logger.labeled_value("Bucket", "{}", f"s3://{bucket}" + (" (made now)" if made else ""))
    head, worker = account.profiles(cluster, bucket)
    for name, node_type in types.items():
        node = node_type["node_config"]
        node["ImageId"] = account.image(node["ImageId"], cluster)
        node.setdefault("IamInstanceProfile", {"Arn": head if name == config["head_node_type"] else worker})
    _say_in_container(config, {BUCKET_VARIABLE: bucket, "AWS_DEFAULT_REGION": provider["region"]})
    _have_token(config)
    return config


def _share(config: Config) -> None:
    """Mount one folder on every node, before its container starts, where `shared` under `provider` does not say otherwise."""
    provider = config["provider"]
    if not provider.get("shared", True):
        return
    nodes = [of["node_config"] for of in config["available_node_types"].values()]
    subnets = {subnet for node in nodes for subnet in node["SubnetIds"]}
    groups = {group for node in nodes for group in node["SecurityGroupIds"]}
    session = Account(provider["region"], provider.get("aws_credentials"))
    system, made = shared.file_system(session, config["cluster_name"], subnets, groups)
    cli_logger.labeled_value("Shared folder", "{}", f"{shared.FOLDER} on {system}" + (" (made now)" if made else ""))
    config["initialization_commands"] = [*config["initialization_commands"], shared.mount(system, provider["region"])]


def stand_ins(config: Config) -> dict[str, list[Config]]:
    """For each worker type, those of lower priority that offer the same, the first to be tried first."""
    workers = {name: of for name, of in config["available_node_types"].items() if name != config["head_node_type"]}
    in_order = sorted(workers, key=lambda name: -workers[name].get("priority", 0))
    return {
        name: [
            {"type": other, **{key: workers[other][key] for key in ("node_config", "max_workers")}}
            for other in in_order[place + 1 :]
            if _offers(workers[other]["resources"], workers[name]["resources"])
        ]
        for place, name in enumerate(in_order)
    }


def _offers(resources: Config, asked: Config) -> bool:
    """Whether a machine has what another has; one that is never taken away stands in for one that may be, only so."""
    return resources in (asked, {**asked, STEADY: resources.get(STEADY)})


def _say_in_container(config: Config, values: dict[str, str]) -> None:
    options = config["docker"].setdefault("run_options", [])
    options.extend(f"-e {name}={shlex.quote(value)}" for name, value in values.items())


def _have_token(config: Config) -> None:
    """Make the token that cluster.yaml sends to the nodes, where this machine has none yet."""
    for local in config["file_mounts"].values():
        path = Path(local).expanduser()
        if path.name == "auth_token" and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(uuid.uuid4().hex)
            cli_logger.labeled_value("Token", "{}", f"{path} (made now)")
