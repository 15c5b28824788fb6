"""Heads of a cluster for tests: services in a folder of their own, started by the command line as a user would."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sweep.services.place import VARIABLE, Place
from sweep.services.supervising import Supervisor, end_orphans
from tests.sweep.launches import OURS, SWEEP, eventually, processes

PATIENCE = 400


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Head:
    """The services of one machine; `close` ends what runs and removes its disk."""

    def __init__(self, store: str | Path, port: int | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="head", dir="/tmp"))  # short, for the sockets in it
        self.folder.chmod(0o711)  # the server's user has to get through
        self.place = Place(self.folder / "s")
        self.store, self.port = str(store), port or free_port()

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """`sweep services WORDS...` with none of the caller's settings; nothing of it may hang."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return subprocess.run(
            [str(SWEEP), "services", *map(str, words)],
            env={**kept, VARIABLE: str(self.place.folder), "COLUMNS": "200", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def start(self, *words: object) -> str:
        """Start the services; returns what was said."""
        done = self.run("start", "--store", self.store, "--port", self.port, *words)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def quick(self) -> None:
        """Have the next start ask its servers every second."""
        self.place.folder.mkdir(exist_ok=True)
        held = {"store": self.store, "port": self.port, "probe_seconds": 1.0}
        self.place.settings.write_text(json.dumps(held), "utf-8")

    def status(self) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return held

    def pid(self, name: str) -> int:
        """The process of a program; 0 where it has none."""
        return int(Supervisor(self.place).states()[name]["pid"])

    def logs(self) -> str:
        """All that the programs have said."""
        return "\n".join(f"== {path.name}\n{path.read_text('utf-8')}" for path in sorted(self.place.logs.glob("*.log*")))

    def commands(self) -> list[str]:
        """Command lines of everything that belongs to this head."""
        return [name for _, _, name in processes() if str(self.folder) in name]

    def kill(self) -> None:
        """As by a machine that is switched off: supervisord first, so that nothing is started again."""
        pids = [int((self.place.folder / "supervisord.pid").read_text())]
        pids += [held["pid"] for held in Supervisor(self.place).states().values() if held["pid"]]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.commands(), "the end of the head")

    def close(self) -> None:
        """End what runs, and remove the folder."""
        try:
            Supervisor(self.place).end()
            end_orphans(self.place)
            eventually(lambda: not self.commands(), f"the end of {self.commands()}")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def names_in_mlflow(port: int) -> set[str]:
    """Names of the experiments that a server shows."""
    import mlflow

    return {experiment.name for experiment in mlflow.MlflowClient(f"http://127.0.0.1:{port}").search_experiments()}


def add_experiment(port: int, name: str) -> None:
    import mlflow

    mlflow.MlflowClient(f"http://127.0.0.1:{port}").create_experiment(name)
