"""A Ray head with a dashboard and a token, as a cluster's: on this machine's loopback, with ports and a folder of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sweep.launches import OURS, eventually, processes

BIN = Path(sys.executable).parent


@dataclass
class Head:
    """A running head: `on` is its address, `base` where relative folders of its jobs begin, `token` lets in."""

    folder: Path
    base: Path
    cache: Path
    on: str
    token: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pass_word(self) -> dict[str, str]:
        """The environment of a laptop that may talk to it."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    @property
    def found_here(self) -> dict[str, str]:
        """The environment in which it is the Ray of this machine, whatever others run on it."""
        return self.pass_word | {"RAY_TMPDIR": str(self.folder)}

    def end(self) -> None:
        """Everything of it is killed."""
        ended_with(self.folder, self.process)


def ended_with(folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
    """Kill every process of the sessions that have this folder in a command line, and remove it."""
    sessions = {session for _, session, name in processes() if str(folder) in name} - {os.getsid(0)}
    sessions |= {process.pid} if process else set()
    while left := [pid for pid, session, _ in processes() if session in sessions]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if process:
            process.poll()
    if process:
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A head that nobody enters without its token."""
    folder = Path(tempfile.mkdtemp(prefix="a", dir="/tmp"))  # short, for the sockets in it
    base, cache, token = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("cache"), secrets.token_hex(32)
    port, dashboard, client = free_ports(3)
    words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
    words += [f"--temp-dir={folder / 'ray'}", f"--ray-client-server-port={client}", '--resources={"trial_driver": 100}']
    words += [
        "--include-dashboard=true",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard}",
        "--dashboard-agent-listen-port=0",
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    ours = {"SWEEP_CACHE": str(cache), "SWEEP_BASE": str(base), "SWEEP_PYTHON": sys.executable}
    log = folder / "head.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(BIN / "ray"), *words, "--disable-usage-stats"],
            env={**kept, **ours, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    found = Head(folder=folder, base=base, cache=cache, on=f"http://127.0.0.1:{dashboard}", token=token, process=process)
    try:
        eventually(lambda: b"Ray runtime started" in log.read_bytes() or process.poll() is not None, "a head")
        assert process.poll() is None, log.read_text()
        yield found
    finally:
        found.end()
