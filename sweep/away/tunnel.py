"""The cluster of a file for Ray's cluster launcher: whether it runs, and ways to the pages of its head.

They listen on the head's loopback alone, so they are reached through ssh: `ray dashboard` forwards a port of this machine's
loopback for as long as a command takes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.errors import UserError

ASKING = 60.0
"""Seconds that the cloud has to say where the head is."""
OPENING = 60.0
"""Seconds that ssh has to open the tunnel."""
DASHBOARD = 8265


def was_started(file: Path) -> bool:
    """Whether `ray up` was given for this cluster file by this user on this machine: it leaves its resolved configuration.

    Costs a look into the folder for temporary files; the cloud is not asked.
    """
    traces = [path for path in Path(tempfile.gettempdir()).glob("ray-config-*") if _is_ours(path)]
    if not traces or not file.is_file():
        return False
    wanted = _named(_read(file))
    return any(wanted and wanted == _named(_read(path).get("config")) for path in traces)


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_uid == os.getuid()
    return False


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        text = path.read_text("utf-8")
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
        return found if isinstance(found, dict) else {}
    return {}


def _named(config: Any) -> tuple[str, ...]:
    """What tells a cluster: its name, provider and region; empty where there is none."""
    if not isinstance(config, dict) or not config.get("cluster_name") or not isinstance(config.get("provider"), dict):
        return ()
    provider = config["provider"]
    return tuple(str(value) for value in (config["cluster_name"], provider.get("type"), provider.get("region")))


def dashboard_port(file: Path) -> int:
    """The port of the head that its dashboard listens on: what the commands of a cluster file say, else Ray's own."""
    commands = _read(file).get("head_start_ray_commands") or []
    found = re.search(r"--dashboard-port[= ](\d+)", " ".join(map(str, commands)))
    return int(found[1]) if found else DASHBOARD


def ray_program() -> str:
    """The program `ray` of this Python, else of the shell. Raises UserError where there is none."""
    beside = Path(sys.executable).with_name("ray")
    found = str(beside) if beside.is_file() else shutil.which("ray")
    if found is None:
        raise UserError("the program `ray` is not there", "", "pip install 'ray[default]'")
    return found


def head_of(file: Path) -> str:
    """The address of the head of a cluster that runs. Raises UserError where none does, or the cloud does not say."""
    try:
        done = subprocess.run(
            [ray_program(), "get-head-ip", str(file)], capture_output=True, text=True, timeout=ASKING, check=False
        )
    except subprocess.TimeoutExpired:
        raise _not_running(file, f"no answer within {ASKING:.0f} s") from None
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise _not_running(file, lines[-1][:200] if lines else "")
    return done.stdout.split()[-1] if done.stdout.split() else ""


def _not_running(file: Path, seen: str) -> UserError:
    remedy = f"start it with `ray up {file}`, or run on this machine with --on local"
    return UserError(f"the cluster of {file} does not run, or can't be asked", seen, remedy)


@dataclass(frozen=True)
class Way:
    """An open tunnel: the address here that leads to a port of the head."""

    address: str
    process: subprocess.Popen[bytes]

    @property
    def open(self) -> bool:
        """Whether ssh still holds it open."""
        return self.process.poll() is None


@contextlib.contextmanager
def tunnel(file: Path) -> Iterator[str]:
    """The address of the dashboard of a cluster that runs: a port of this machine's loopback, as long as the block lasts.

    Raises UserError where the cluster does not run, or ssh opens no tunnel.
    """
    head_of(file)
    with way(file, dashboard_port(file), free_port()) as found:
        yield found.address


@contextlib.contextmanager
def way(file: Path, remote: int, port: int) -> Iterator[Way]:
    """A way from a port of this machine's loopback to one of the head's, as long as the block lasts.

    Raises UserError where ssh opens none.
    """
    words = [ray_program(), "dashboard", str(file), "--port", str(port), "--remote-port", str(remote)]
    name = f"sweep-{uuid.uuid4().hex}"
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            words,
            env={**os.environ, "LOGNAME": name},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_open(process, port, file, said)
            yield Way(f"http://127.0.0.1:{port}", process)
        finally:
            end_group(process)
            _end_connection(name)


def _end_connection(name: str) -> None:
    """End the ssh connection that Ray's launcher shares among all commands of the user of this name, and keeps open.

    It runs apart from them, and would hold the port for as long as a page in a browser asks through it.
    """
    shared = Path("/tmp") / f"ray_ssh_{hashlib.sha256(name.encode()).hexdigest()[:10]}"  # as Ray names it
    for control in shared.glob("*/*"):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            ending = ["ssh", "-o", f"ControlPath={control}", "-O", "exit", "head"]
            subprocess.run(ending, capture_output=True, timeout=10, check=False)
    shutil.rmtree(shared, ignore_errors=True)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session of its own, and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _wait_open(process: subprocess.Popen[bytes], port: int, file: Path, said: Any) -> None:
    until = time.monotonic() + OPENING
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    seen = next((line.strip() for line in reversed(lines) if line.strip()), "")
    raise UserError(f"ssh opens no way to the head of {file}", seen[:200], f"look at it: ray dashboard {file}")


def free_port(wanted: int = 0) -> int:
    """A port of this machine's loopback that is free: the one wanted where it is."""
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stream.bind(("127.0.0.1", wanted))
        except OSError:
            stream.bind(("127.0.0.1", 0))
        return int(stream.getsockname()[1])
