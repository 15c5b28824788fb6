"""What a cluster's autoscaler may bring: its node types, read from the configuration that Ray's monitor was started with.

Ray tells nobody the types that an autoscaler may start, only the nodes that are up. Its monitor runs on the head, and names the
configuration on its command line; so that is where it is looked for. KubeRay keeps its autoscaler elsewhere: there the
RayCluster is read (`sweep.elastic.kuberay`). Where neither is found, the nodes that are up are all that is known.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sweep.elastic.kuberay import in_kuberay, raycluster_config

HEAD = "node:__internal_head__"
"""The resource by which Ray marks the head."""
TINY = 1e-6
PATIENCE = 60.0
"""Seconds that a look at the head's processes may take, from another machine."""
Amounts = Mapping[str, float]
"""Resource -> amount, as Ray counts it: `{"CPU": 8.0, "GPU": 1.0}`."""


@dataclass(frozen=True)
class NodeType:
    """A kind of node that an autoscaler may start, with what one has, and how many there may be at once."""

    name: str
    resources: Amounts
    most: int


@dataclass(frozen=True)
class Offer:
    """Everything that an autoscaler may start; `most` nodes of all types together, besides the head."""

    types: tuple[NodeType, ...]
    most: int

    def places(self, wanted: Amounts) -> int:
        """How many workers that hold `wanted` fit all the nodes that may be up at once, the roomiest types first."""
        left, found = self.most, 0
        for each in sorted(self.types, key=lambda each: places_on(each.resources, wanted), reverse=True):
            nodes = min(left, each.most)
            found += nodes * places_on(each.resources, wanted)
            left -= nodes
        return found


def places_on(node: Amounts, wanted: Amounts) -> int:
    """How many workers that hold `wanted` one node holds at once."""
    return min((int((node.get(name, 0.0) + TINY) // amount) for name, amount in wanted.items() if amount), default=0)


def offer_of(config: Mapping[str, Any]) -> Offer:
    """The offer that a cluster launcher's configuration makes; types that may have no node are left out."""
    most = int(config.get("max_workers", 2))
    types = []
    for name, each in (config.get("available_node_types") or {}).items():
        head = name == config.get("head_node_type")
        limit = int(each.get("max_workers", 0 if head else most))
        if limit > 0 and each.get("resources"):
            types.append(NodeType(str(name), {key: float(value) for key, value in each["resources"].items()}, limit))
    return Offer(tuple(types), most)


def monitored_config(gcs_address: str, commands: Iterable[list[str]]) -> Path | None:
    """The configuration that the monitor of the cluster at this address was started with, among commands by word."""
    for words in commands:
        flags = dict(word.partition("=")[::2] for word in words if word.startswith("--"))
        ours = flags.get("--gcs-address") == gcs_address and any(word.endswith("monitor.py") for word in words)
        if ours and flags.get("--autoscaling-config"):
            return Path(flags["--autoscaling-config"]).expanduser()
    return None


def commands_here() -> list[list[str]]:
    """The command line of every process of this machine, by word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode(errors="replace").split("\0"))
    return found


def offer_here(gcs_address: str) -> Offer | None:
    """What the autoscaler may start whose monitor runs on this machine; None where there is none, or it can't be read."""
    path = monitored_config(gcs_address, commands_here())
    try:
        if path is not None:
            config = yaml.safe_load(path.read_text("utf-8"))
        else:
            config = raycluster_config() if in_kuberay() else None
        return offer_of(config) if isinstance(config, Mapping) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return None


def cluster_offer(nodes: list[dict[str, Any]]) -> Offer | None:
    """What the autoscaler of the cluster may start that this process is connected to; `nodes` are `ray.nodes()`."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    context = ray.get_runtime_context()
    head = next((node["NodeID"] for node in nodes if node.get("Alive") and HEAD in node["Resources"]), None)
    if head in (None, context.get_node_id()):
        return offer_here(context.gcs_address)
    there = NodeAffinitySchedulingStrategy(str(head), soft=False)
    task: Any = ray.remote(offer_here)
    with contextlib.suppress(ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
        found: Offer | None = ray.get(
            task.options(num_cpus=0, scheduling_strategy=there).remote(context.gcs_address), timeout=PATIENCE
        )
        return found
    return None
