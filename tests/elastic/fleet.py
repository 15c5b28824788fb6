"""A Ray head with the real autoscaler, whose nodes are processes of this machine: what a cloud would bring, without a cloud."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray._private.services as services
from ray._private.authentication_test_utils import reset_auth_token_state
from ray._raylet import GcsClient
from ray.autoscaler.v2.sdk import get_cluster_resource_state
from ray.core.generated.autoscaler_pb2 import NodeStatus

from tests.sweep.launches import OURS, eventually, processes

HEAD_ID = "f" * 51 + "00000"
"""The id that Ray's provider of local nodes gives to its head."""
IDLE_SECONDS = 8
WORKER = {"CPU": 1, "GPU": 1}
QUICK = {
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_ID,
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def config_of(types: Mapping[str, Any], address: str, most: int) -> dict[str, Any]:
    """A cluster launcher's configuration in full, as its monitor wants it."""
    maps = ("docker", "auth", "file_mounts")
    lists = "cluster_synced_files rsync_exclude rsync_filter initialization_commands setup_commands head_setup_commands"
    more = "worker_setup_commands head_start_ray_commands worker_start_ray_commands"
    return {
        "cluster_name": "fleet",
        "max_workers": most,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": IDLE_SECONDS / 60,
        "file_mounts_sync_continuously": False,
        **{key: {} for key in maps},
        **{key: [] for key in f"{lists} {more}".split()},
        "provider": {
            "type": "external",
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "use_internal_ips": True,
            "use_node_id_as_ip": True,
            "launch_multiple": True,
            "head_node_id": HEAD_ID,
            "gcs_address": address,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0, "trial_driver": 100}, "node_config": {}, "max_workers": 0},
            **types,
        },
    }


@dataclass
class Fleet:
    """A head and the nodes that its autoscaler brings; `seen` are the most workers that were up for good at once."""

    address: str
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    seen: int = 0
    ever: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)

    def state(self) -> Any:
        """What the cluster knows of itself: nodes, demands, constraints."""
        return get_cluster_resource_state(GcsClient(address=self.address))

    def workers(self) -> list[str]:
        """Ids of the nodes that are up besides the head."""
        gone = (NodeStatus.DEAD, NodeStatus.UNSPECIFIED)
        states = {node.node_id.hex(): node.status for node in self.state().node_states if node.status not in gone}
        workers = sorted(states.keys() - {HEAD_ID})
        staying = [name for name in workers if name not in self.killed and states[name] != NodeStatus.DRAINING]
        self.ever.update(workers)
        self.seen = max(self.seen, len(staying))
        return workers

    def kinds(self) -> dict[str, str]:
        """Node type of every node that was ever up, by its id."""
        return {node.node_id.hex(): str(node.ray_node_type_name) for node in self.state().node_states}

    def busy(self) -> list[str]:
        """Ids of the workers whose core is in use."""
        return sorted(
            node.node_id.hex()
            for node in self.state().node_states
            if node.status == NodeStatus.RUNNING and node.node_id.hex() != HEAD_ID and not node.available_resources.get("CPU")
        )

    def wanted(self) -> int:
        """How many bundles the autoscaler was asked for by name, ahead of time."""
        asked = self.state().cluster_resource_constraints
        return sum(request.count for each in asked for request in each.resource_requests)

    def kill(self, node: str) -> None:
        """Take a node away without a word: everything that runs on it is gone at once."""
        marker = f"RAY_OVERRIDE_NODE_ID_FOR_TESTING={node}".encode()
        mine = [pid for pid, _, _ in processes() if marker in _environment(pid)]
        assert mine, f"node {node} has no process"
        self.killed.add(node)
        for pid in mine:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def family(self) -> list[int]:
        """Every process of the head and of its nodes."""
        return [pid for pid, session, _ in processes() if session == self.process.pid]

    def close(self) -> None:
        """End all of it."""
        until = time.monotonic() + 240
        while (left := self.family()) and time.monotonic() < until:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
        self.process.wait(240)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def fleet(cache: Path, most: int = 2, types: Mapping[str, Any] | None = None) -> Iterator[Fleet]:
    """A cluster with no worker up, that may have `most`; its head trains nothing."""
    folder = Path(tempfile.mkdtemp(prefix="e", dir="/tmp"))  # short, for the sockets in it
    (folder / "token").write_text(secrets.token_hex(16))
    told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token")}
    port, client = _free_port(), _free_port()
    address = f"{services.get_node_ip_address()}:{port}"
    types = types or {"spot": {"resources": WORKER, "node_config": {}, "min_workers": 0, "max_workers": most}}
    config = folder / "autoscaling.json"
    config.write_text(json.dumps(config_of(types, address, most)))
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=0", '--resources={"trial_driver": 100}']
    words += [f"--autoscaling-config={config}", f"--temp-dir={folder / 'ray'}", "--include-dashboard=false"]
    words += [f"--ray-client-server-port={client}", "--object-store-memory=100000000", "--disable-usage-stats"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("ray")), *words],
            env=kept | QUICK | told | {"SWEEP_CACHE": str(cache)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    found = Fleet(address, folder, {"RAY_ADDRESS": address} | told, process)
    try:
        eventually(lambda: "Ray runtime started" in log.read_text() or process.poll() is not None, "a head")
        assert process.poll() is None, log.read_text()
        with _trusted(told), _watched(found):
            yield found
    finally:
        found.close()


@contextlib.contextmanager
def _trusted(told: Mapping[str, str]) -> Iterator[None]:
    """Have this process show the head's token."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        reset_auth_token_state()
        yield
    reset_auth_token_state()


@contextlib.contextmanager
def _watched(found: Fleet) -> Iterator[None]:
    """Count the nodes that are up, again and again."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.25):
            with contextlib.suppress(Exception):  # the head may be busy, or gone
                found.workers()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
