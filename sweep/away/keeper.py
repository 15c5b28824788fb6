"""Who ends a cluster that was launched on with `--down`: the laptop that follows the sweep, else a job on the head.

The job is handed in beside the launch. It waits for the launch's end, then until nothing was asked of the cluster for `GRACE`
seconds, in which the laptop fetches and ends the cluster itself. Only a sweep that is over ends a cluster: one that the user
stopped, or that a fault did, is to be looked at. Where the run folder lies on the head's own disk, nothing is ended from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml

from sweep.ending import Ending, EndState, read_ending
from training.errors import UserError

END = "end-cluster"
KEEPER = "sweep-down-"
"""What the submission ids of these jobs begin with; the launch's own follows."""
GRACE_VARIABLE, GRACE = "SWEEP_DOWN_GRACE", 600.0
"""Seconds in which nothing may be asked of the cluster before the head ends it; the variable of the head says otherwise."""
LOOK = 5.0
ROUNDS = 20
"""Times that workers are asked about and ended before the head is: one may have been on its way."""
PAUSE = 3.0
SHARED = frozenset({"nfs", "nfs4", "lustre", "ceph", "cifs", "smb3", "gpfs", "beegfs", "9p", "virtiofs"})
"""File systems whose files outlive every machine of a cluster; besides, those of programs (`fuse.*`), which buckets are."""
Config = Mapping[str, Any]


class Jobs(Protocol):
    """What is asked of a cluster's job API."""

    def job(self, name: str) -> Any:
        """How a job is now."""

    def going(self) -> set[str]:
        """Names of all jobs and drivers that wait or run."""


def over(ending: Ending | None) -> str:
    """Why a cluster stays, from how its sweep ended; empty where the sweep is over, and so is the cluster."""
    if ending is None:
        return "the sweep was ended from outside, and does not say how far it came"
    if ending.state is EndState.STOPPED:
        return "the sweep was stopped, and can go on"
    if ending.state is EndState.FAILED:
        return "a fault ended the sweep"
    return ""


def others(going: Iterable[str], own: str = "") -> list[str]:
    """Jobs that a cluster is still needed for: everything but `own` and those that only wait to end it."""
    return sorted(name for name in going if name != own and not name.startswith(KEEPER))


def outlives(run: Path, mounts: str | None = None) -> bool:
    """Whether a folder lies on storage that is there when this machine is gone; `mounts` as in /proc/self/mounts."""
    mounts = Path("/proc/self/mounts").read_text("utf-8") if mounts is None else mounts
    place, kind = Path("/"), ""
    for words in (line.split() for line in mounts.splitlines() if line.count(" ") >= 2):
        point = Path(words[1].replace("\\040", " "))
        if (run == point or point in run.parents) and len(point.parts) >= len(place.parts):
            place, kind = point, words[2]
    return kind in SHARED or (kind.startswith("fuse.") and "overlay" not in kind)


def keep_watch(
    jobs: Jobs,
    job: str,
    run: Path,
    end: Callable[[], int],
    *,
    lasts: Callable[[Path], bool] = outlives,
    grace: float = GRACE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait for the end of a job and for nobody to ask anything; then `end` the cluster. Returns what was done, in words."""
    quiet: float | None = None
    while quiet is None or clock() - quiet < grace:
        if jobs.job(job).going or others(jobs.going()):
            quiet = None
        elif quiet is None:
            if stays := over(read_ending(run)):
                return f"the cluster stays: {stays}"
            quiet = clock()
        sleep(LOOK)
    if stays := over(read_ending(run)):  # another launch of this folder may have come and gone
        return f"the cluster stays: {stays}"
    if not lasts(run.resolve()):
        return f"the cluster stays: {run} lies on a disk that would be gone with it, and nobody has fetched it"
    return f"{end()} machines ended"


def end_machines(config: Config, sleep: Callable[[float], None] = time.sleep) -> int:
    """End every machine of a cluster through its own provider: workers first, the head, which this may run on, last.

    Returns how many. Disks go with their machines where the configuration says so; storage stays.
    """
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import NODE_KIND_HEAD, NODE_KIND_WORKER, TAG_RAY_NODE_KIND

    provider: Any = _get_node_provider(config["provider"], config["cluster_name"])
    ended: set[str] = set()
    for _ in range(ROUNDS):
        workers = provider.nodes_for_teardown({TAG_RAY_NODE_KIND: NODE_KIND_WORKER})
        if not workers:
            break
        provider.terminate_nodes(workers)
        ended.update(workers)
        sleep(PAUSE)
    head = provider.nodes_for_teardown({TAG_RAY_NODE_KIND: NODE_KIND_HEAD})
    provider.terminate_nodes(head)
    return len(ended.union(head))


def config_here() -> Config:
    """The configuration that this head's autoscaler runs with. Raises UserError where there is none to be found."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    from sweep.elastic.nodes import commands_here, monitored_config

    path = monitored_config(canonicalize_bootstrap_address_or_die(os.environ.get("RAY_ADDRESS", "auto")), commands_here())
    if path is None:
        raise UserError("this head was not started by `ray up`, so it can't end its cluster", "", "end it by hand")
    config: Config = yaml.safe_load(path.read_text("utf-8"))
    return config


def watch_here(job: str, run: Path) -> None:
    """What the job on the head does; its words are its log."""
    from ray.dashboard.utils import ray_address_to_api_server_url

    from sweep.away.cluster import Cluster

    config = config_here()
    address = ray_address_to_api_server_url(os.environ.get("RAY_ADDRESS"))
    grace = float(os.environ.get(GRACE_VARIABLE) or GRACE)
    done = keep_watch(Cluster(address, address), job, run, lambda: end_machines(config), grace=grace)
    print(done, flush=True)  # noqa: T201
