"""A real PostgreSQL server that dies and comes back while a search goes on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.search import storage as storage_module
from sweep.search.storage import open_storage
from tests.faults.test_study_storage import Search, eventually, kept
from training.errors import UserError

SECRET = "not-for-logs"


def _program(name: str) -> str | None:
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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        password = folder / "password"
        password.write_text(SECRET)
        password.chmod(0o644)
        self._run("initdb", "-D", str(folder / "data"), "-U", "sweep", "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        self.start()

    def _run(self, program: str, *words: str) -> None:
        path = _program(program)
        assert path is not None
        done = subprocess.run([path, *words], check=False, capture_output=True, text=True, user=self.user, cwd=self.folder)
        log = self.folder / "log"
        assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-2000:] if log.exists() else "")

    def start(self) -> None:
        data = str(self.folder / "data")
        options = f"-p {self.port} -c unix_socket_directories='' -c listen_addresses=127.0.0.1 -F"
        self._run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def kill(self) -> None:
        """As by a machine that is switched off: no process of it is told."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        family = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(_alive(pid) for pid in family))
        (self.folder / "data" / "postmaster.pid").unlink()  # a zombie that nobody waits for counts as a server

    def stop(self) -> None:
        subprocess.run(
            [str(_program("pg_ctl")), "-D", str(self.folder / "data"), "-m", "immediate", "stop"],
            capture_output=True,
            user=self.user,
            cwd=self.folder,
            check=False,
        )

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://sweep:{SECRET}@127.0.0.1:{self.port}/postgres"


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    if _program("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="sweep-postgres-"))
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_server_that_dies_and_comes_back_is_said_and_filled_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "FIRST_PAUSE", 0.1)
    search = Search(server.url)
    search.ask(0.1)
    eventually(lambda: search.written)
    server.kill()
    for number in range(10):
        search.ask(0.2 + number / 100)
    search.tell(0, 70.0)
    eventually(lambda: search.said != [])
    assert len(search.study.get_trials()) == 11
    server.start()
    eventually(lambda: search.written)
    assert search.storage.close() == 0
    assert len(search.said) == 2 and "back" in search.said[1] and SECRET not in "".join(search.said)
    assert [state.name for _, state, _ in kept(server.url)] == ["COMPLETE"] + ["RUNNING"] * 10


def test_server_that_lets_nobody_in_is_the_users_fault_without_the_password(server: Server) -> None:
    with pytest.raises(UserError) as caught:
        open_storage(server.url.replace(SECRET, "another-secret"))
    assert "password authentication failed" in str(caught.value)
    assert SECRET not in str(caught.value) and "another-secret" not in str(caught.value)
