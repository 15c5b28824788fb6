"""What a sweep on a cluster stands on: a Ray head of its own and a PostgreSQL server, which are killed and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crash.disturbing import Alone
from tests.crash.orders import Stroke, Witness
from tests.faults.postgres import Server
from tests.sweep.launches import OURS, eventually, processes

RAY = Path(sys.executable).with_name("ray")
QUICK = {"RAY_gcs_rpc_server_reconnect_timeout_s": "3", "RAY_AUTH_MODE": "disabled"}
"""Seconds for which a process looks for a head that is gone (Ray's own 60 would only make tests long); no token is needed."""


class Head:
    """A Ray cluster of one machine, started as a user would, in a session of its own; its workers are looked at by the witness.

    `number` counts its starts: each has a port and a folder of its own, as a new machine would.
    """

    def __init__(self, cache: Path) -> None:
        self.cache, self.number = cache, 0
        self.folder = Path(tempfile.mkdtemp(prefix="h", dir="/tmp"))  # short, for the sockets in it
        self.environment = dict(QUICK)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, witness: Witness) -> None:
        """Start a head; its address is in `environment`."""
        self.number += 1
        port, client = _free_port(), _free_port()
        self.environment = QUICK | {"RAY_ADDRESS": f"127.0.0.1:{port}"}
        words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
        words += [f"--temp-dir={self.folder / str(self.number)}", f"--ray-client-server-port={client}"]
        words += ['--resources={"trial_driver": 1000}', "--include-dashboard=false", "--disable-usage-stats"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        log = self.folder / f"{self.number}.log"
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [str(RAY), *words],
                env=kept | {"SWEEP_CACHE": str(self.cache)} | QUICK | witness.environment(""),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        up = "Ray runtime started"
        eventually(lambda: up in log.read_text() or self.process is None or self.process.poll() is not None, "a head")
        assert up in log.read_text(), log.read_text()

    def parts(self, which: str) -> list[int]:
        """Processes of the head: `gcs`, `raylet`, or all of the machine, its workers too."""
        assert self.process is not None
        mine = {pid: name for pid, session, name in processes() if session == self.process.pid}
        program = {"gcs": "/gcs_server ", "raylet": "/raylet/raylet "}.get(which, "")
        return [pid for pid, name in mine.items() if program in name]

    def end(self) -> None:
        """Whatever is left of it is killed."""
        if self.process is not None:
            while left := self.parts("all"):
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.process.poll()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """End it, and remove its folders."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Rented(Alone):
    """A head and, where there is one, a database server: the servers of one disturbed sweep."""

    def __init__(self, head: Head, witness: Witness, database: Server | None) -> None:
        self.head, self.witness, self.database = head, witness, database
        head.end()
        head.start(witness)

    @property
    def environment(self) -> dict[str, str]:
        """Where a launch finds them."""
        url = {"SWEEP_OPTUNA_STORAGE": self.database.url} if self.database else {}
        return self.head.environment | url

    def victims(self, stroke: Stroke) -> list[int]:
        """The processes that a stroke kills."""
        if stroke.victim == "head":
            return self.head.parts(stroke.how)
        return self.database.family() if stroke.victim == "server" and self.database else []

    def mend(self, stroke: Stroke) -> None:
        """A new head, or the server again from what is on its disk."""
        if stroke.victim == "head":
            self.head.end()
            self.head.start(self.witness)
        if stroke.victim == "server" and self.database:
            self.database.kill()
            self.database.start()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
