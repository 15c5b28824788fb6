"""Starting, stopping and bringing back the services of a head; each may be given again at any time."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sweep.services import backups, schema
from sweep.services.place import VARIABLE, Place, Settings, read_settings, write_settings
from sweep.services.postgres import make_databases, make_server, own, programs, running
from sweep.services.probes import ask_mlflow, ask_postgres
from sweep.services.shelf import Shelf, shelf_of
from sweep.services.supervising import Supervisor, within
from training.errors import UserError
from training.files.storage import write_atomically

READY_SECONDS = 300.0
STARTED = "started"
"""The file that says what was started; other packages, and the servers are started again."""
ROOM = 500 * 10**6
"""Bytes that have to be free on the head's disk: PostgreSQL stops on a full one."""
Say = Callable[[str], None]


def start(place: Place, settings: Settings, say: Say, *, empty: bool = False) -> None:
    """Have both servers run and answer; nothing is done where they do.

    Where there are no databases yet, they come from the newest good backup of the store, or begin empty where it has none
    (`empty`: whatever it has). Raises UserError on what keeps them from running.
    """
    with _alone(place):
        supervisor = Supervisor(place)
        before = read_settings(place)
        versions = _versions()
        if supervisor.runs and (before != settings or _read(place.folder / STARTED) != versions):
            supervisor.end()
        if not supervisor.runs:
            _check(place, settings)
            _have_data(place, shelf_of(settings.store), say, empty=empty)
        write_settings(place, settings)
        supervisor.begin()
        if not within(READY_SECONDS, lambda: ask_postgres(place).good):
            raise _late(place, "postgres", ask_postgres(place).fault)
        supervisor.start("postgres")
        _have_tables(place, settings, supervisor, say)
        supervisor.start("mlflow")
        supervisor.start("minder")
        if not within(READY_SECONDS, lambda: ask_mlflow(settings).good):
            raise _late(place, "mlflow", ask_mlflow(settings).fault)
        write_atomically(place.folder / STARTED, versions.encode())
        say(f"PostgreSQL and MLflow (http://127.0.0.1:{settings.port}) run; backups go to {settings.store}")


def stop(place: Place) -> None:
    """Stop everything; launches go back to files of their run folders. Raises UserError where it does not end."""
    if not place.folder.is_dir():
        return
    with _alone(place):
        place.environment.unlink(missing_ok=True)
        Supervisor(place).end()


def restore(place: Place, settings: Settings, say: Say, name: str | None) -> None:
    """Stop, set the databases aside, bring back the backup `name` (else the newest good one), and leave them stopped.

    Raises UserError where that can't be done; the databases are then as they were.
    """
    with _alone(place):
        Supervisor(place).end()
        shelf = shelf_of(settings.store)
        listed = backups.names(shelf)
        if name is not None and name not in listed:
            raise UserError("there is no such backup", name, "sweep services status lists the newest")
        if not listed:
            raise UserError("there is no backup", settings.store, "name the store that has one: --store")
        fresh = _fresh(place)
        with running(place, fresh):
            say("brought back: " + backups.bring_back_newest(place, fresh, shelf, [name] if name else listed, say))
        if place.data.exists():
            aside = place.folder / f"postgres-before-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
            place.data.rename(aside)
            say(f"what was there is in {aside}")
        fresh.rename(place.data)


def _have_data(place: Place, shelf: Shelf, say: Say, *, empty: bool) -> None:
    """A data folder with both databases. It is made beside its place, so that one that is there is whole."""
    if place.data.exists():
        programs(place.data)
        return
    listed = [] if empty else backups.names(shelf)
    fresh = _fresh(place)
    with running(place, fresh):
        if listed:
            name = backups.bring_back_newest(place, fresh, shelf, listed, say)
            say(f"the databases are those of backup {name}")
        else:
            make_databases(place)
            say("the databases begin empty" + ("" if empty else ": there is no backup yet"))
    fresh.rename(place.data)


def _fresh(place: Place) -> Path:
    """An empty data folder beside the one in use; one of a start that was cut off is removed."""
    fresh = place.folder / "postgres-new"
    shutil.rmtree(fresh, ignore_errors=True)
    make_server(place, fresh)
    return fresh


def _have_tables(place: Place, settings: Settings, supervisor: Supervisor, say: Say) -> None:
    """MLflow's tables in the version of the installed MLflow; older ones are put away before they are changed."""
    if not schema.is_old(place):
        return
    supervisor.stop("mlflow")
    name = backups.make_backup(place, shelf_of(settings.store)).name
    say(f"MLflow's tables are of an older version; backup {name} has them as they were")
    schema.upgrade(place)


def _check(place: Place, settings: Settings) -> None:
    """What can be told before anything is made. Raises UserError."""
    programs()
    free = shutil.disk_usage(place.folder).free
    if free < ROOM:
        seen = f"{free // 10**6} MB free, {ROOM // 10**6} MB needed"
        remedy = f"free some space, or name another folder in {VARIABLE}"
        raise UserError(f"the disk of {place.folder} is nearly full", seen, remedy)
    if settings.store.startswith("gs://") and not _has_google():
        cause = "MLflow needs google-cloud-storage to keep files there, which is missing"
        raise UserError(cause, settings.store, "pip install google-cloud-storage")
    Supervisor(place).end()  # only what nobody looks after: no supervisord runs
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", settings.port))
        except OSError as error:
            remedy = "end what listens there, or give MLflow another one: sweep services start --port"
            raise UserError("MLflow's port is in use", settings.port, remedy) from error
    shelf = shelf_of(settings.store)
    shelf.write("backups/last-start", f"{socket.gethostname()}\n".encode())


def _has_google() -> bool:
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.util.find_spec("google.cloud.storage") is not None
    return False


def _versions() -> str:
    """What the programs that run were started from."""
    return "".join(f"{name} {importlib.metadata.version(name)}\n" for name in ("mlflow", "psycopg", "supervisor"))


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text("utf-8")
    return ""


def _late(place: Place, name: str, fault: str) -> UserError:
    remedy = f"look at {place.logs / f'{name}.log'}, then give the same command again"
    return UserError(f"{name} does not answer after {READY_SECONDS:.0f} s", fault, remedy)


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Keep two starts, stops and restores of one place apart, and have its folders."""
    # As root, the server's user has to get through to its own two folders below.
    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    place.logs.mkdir(mode=0o700, exist_ok=True)
    place.run.mkdir(mode=0o700, exist_ok=True)
    own(place.run, 0o700)
    with (place.folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
