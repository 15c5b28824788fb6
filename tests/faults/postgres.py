"""A PostgreSQL server for tests: killed as by a machine that is switched off, and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.faults.test_study_storage import eventually

SECRET = "not-for-logs"


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs; None where it is not installed."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name) or shutil.which(name, path=":".join(places))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Server:
    """A PostgreSQL server with a folder and a port of its own; it refuses to run as root, so then as nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = "nobody" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        self.port = 0
        password = folder / "password"
        password.write_text(SECRET)
        password.chmod(0o644)
        self._run("initdb", "-D", str(folder / "data"), "-U", "sweep", "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        self.start()

    def _run(self, tool: str, *words: str) -> None:
        path = program(tool)
        assert path is not None
        done = subprocess.run([path, *words], check=False, capture_output=True, text=True, user=self.user, cwd=self.folder)
        log = self.folder / "log"
        assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-2000:] if log.exists() else "")

    def start(self) -> None:
        if not self.port:  # not before the folder was made, which takes long enough for others to take the port
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        data = str(self.folder / "data")
        options = f"-p {self.port} -c unix_socket_directories='' -c listen_addresses=127.0.0.1 -F"
        self._run("pg_ctl", "-D", data, "-w", "-t", "180", "-l", str(self.folder / "log"), "-o", options, "start")

    def family(self) -> list[int]:
        """Every process of the server, the first one first; of a server that was killed, that one alone."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        with contextlib.suppress(OSError):
            return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        return [first]

    def kill(self) -> None:
        """As by a machine that is switched off: no process of it is told."""
        family = self.family()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):  # a server without its first process ends by itself
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(_alive(pid) for pid in family))
        (self.folder / "data" / "postmaster.pid").unlink()  # a zombie that nobody waits for counts as a server

    def stop(self) -> None:
        subprocess.run(
            [str(program("pg_ctl")), "-D", str(self.folder / "data"), "-m", "immediate", "stop"],
            capture_output=True,
            user=self.user,
            cwd=self.folder,
            check=False,
        )

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://sweep:{SECRET}@127.0.0.1:{self.port}/postgres"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server in a folder of its own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="sweep-postgres-"))
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
