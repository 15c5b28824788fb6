"""supervisord over the services' programs: its configuration, starting it, and asking it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweep.services.place import VARIABLE, Place
from sweep.services.postgres import stop_leftover
from training.errors import UserError
from training.files.storage import write_atomically

MODULE = "sweep.services.running"
"""Becomes the program that it is told to."""
START_SECONDS, STOP_SECONDS = 30.0, 90.0
_COMMON = """redirect_stderr=true
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
startretries=10
"""
_OWN = {
    "postgres": "autostart=true\nautorestart=true\nstartsecs=2\nstopsignal=INT\nstopwaitsecs=60\npriority=1\n",
    # The command of MLflow's server is the parent of the servers themselves, and tells them of no signal.
    "mlflow": "autostart=false\nautorestart=true\nstartsecs=5\nstopwaitsecs=15\nstopasgroup=true\nkillasgroup=true\n",
    "minder": "autostart=false\nautorestart=true\nstartsecs=2\nstopwaitsecs=15\n",
}
PROGRAMS = tuple(_OWN)


class Supervisor:
    """supervisord of one place, by its socket. Questions raise UserError where it does not answer."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def runs(self) -> bool:
        """Whether there is one that answers."""
        try:
            return bool(self._ask("getState")["statename"] == "RUNNING")
        except UserError:
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """What is known of each program: `statename`, `description`, `start` and `now` (seconds since the epoch), `pid`."""
        return {str(held["name"]): held for held in self._ask("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Start a program, unless it runs; does not wait until it answers."""
        if self.states()[name]["statename"] not in ("RUNNING", "STARTING"):
            self._ask("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program, if it runs."""
        if self.states()[name]["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
            self._ask("stopProcess", name, True)

    def begin(self) -> None:
        """Start supervisord, and PostgreSQL with it, where none runs; what an earlier one left behind is ended first."""
        if self.runs:
            return
        end_orphans(self.place)
        write_atomically(self.place.configuration, configuration(self.place).encode())
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.place.configuration)]
        done = subprocess.run(
            command,
            env={**os.environ, VARIABLE: str(self.place.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode or not within(START_SECONDS, lambda: self.runs):
            said = done.stderr.strip().splitlines()
            remedy = f"look at {self.place.logs / 'supervisord.log'}, then give the same command again"
            raise UserError("supervisord does not start", said[-1] if said else "", remedy)

    def end(self) -> None:
        """Stop every program, and supervisord itself; nothing where none runs."""
        if self.runs:
            pid = int(self._ask("getPID"))
            self._ask("shutdown")
            if not within(STOP_SECONDS, lambda: not Path(f"/proc/{pid}").exists()):
                raise UserError("supervisord does not end", pid, "the same command again in a minute")
        end_orphans(self.place)

    def _ask(self, method: str, *words: object) -> Any:
        from xmlrpc.client import Fault, ServerProxy

        try:
            from supervisor.xmlrpc import SupervisorTransport
        except ImportError as error:
            remedy = "pip install 'sweep[head]', in a checkout '.[head]'"
            raise UserError("supervisor is missing, which looks after the services", remedy=remedy) from error
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.place.control}")
        try:
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*words)
        except (OSError, Fault) as error:
            raise UserError("supervisord does not do as it is asked", f"{method}: {error}", "sweep services start") from error
        finally:
            transport.close()


def configuration(place: Place) -> str:
    """What supervisord reads: no secret, no port."""

    def path(of: Path) -> str:
        return str(of).replace("%", "%%")  # supervisord replaces names between a sign and a letter

    lines = [
        f"[supervisord]\nlogfile={path(place.logs / 'supervisord.log')}\npidfile={path(place.folder / 'supervisord.pid')}",
        f"childlogdir={path(place.logs)}\numask=077\nminfds=256\nminprocs=64\n",
        f"[unix_http_server]\nfile={path(place.control)}\nchmod=0600\n",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
    ]
    for name in PROGRAMS:
        log = f"stdout_logfile={path(place.logs / f'{name}.log')}\n"
        python = path(Path(sys.executable))
        lines.append(f'[program:{name}]\ncommand="{python}" -m {MODULE} {name}\n{log}{_COMMON}{_OWN[name]}')
    return "\n".join(lines)


def end_orphans(place: Place) -> None:
    """End what an earlier supervisord left behind when it was killed: the server, and every process with our mark."""
    stop_leftover(place)
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = _marked(place)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if not left or within(10.0, lambda: not _marked(place)):
            return


def _marked(place: Place) -> list[int]:
    """Programs of this place that supervisord had started: its variables are in their environment."""
    place_mark, mine = f"{VARIABLE}={place.folder}".encode(), b"SUPERVISOR_PROCESS_NAME="
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = (folder / "environ").read_bytes().split(b"\0")
            if place_mark in variables and any(one.startswith(mine) for one in variables) and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition holds before so many seconds are over."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
