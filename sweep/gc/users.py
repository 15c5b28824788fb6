"""Who uses a phase store: a small file a sweep below `<store>/.users`, written by each launch.

What is in a store may be removed only after every user was asked what it needs; one whose run folder is not there can't be
asked, so it is taken to need everything until a person says otherwise. A launch writes its name under the lock under which
phases are removed: what is being removed is never what a launch has just begun to rely on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweep.runfolder import RunMark, read_mark
from training.errors import UserError
from training.files.storage import storage_errors, write_atomically

USERS, LOCK = ".users", ".lock"


@dataclass(frozen=True, kw_only=True)
class User:
    """A sweep that writes to a store. `mark` is None where its run folder is gone, unreadable or another sweep's now.

    `copied` is set where `run` holds what was brought from a bucket: records, and no database of MLflow.
    """

    sweep: str
    run: Path
    grid: str
    mark: RunMark | None = None
    copied: bool = False


@contextlib.contextmanager
def store_lock(store: Path) -> Iterator[None]:
    """Hold the store against launches that begin and removals that take place; waits. Raises StoreError.

    The kernel drops the lock of a process that dies.
    """
    with storage_errors(store), contextlib.ExitStack() as held:
        (store / USERS).mkdir(parents=True, exist_ok=True)
        stream = held.enter_context((store / USERS / LOCK).open("w"))
        fcntl.flock(stream, fcntl.LOCK_EX)
        held_open = held.pop_all()
    with held_open:
        yield


def register(store: Path, run: Path, mark: RunMark) -> None:
    """Note that a sweep uses the store, before it relies on anything there; waits for a removal to end. Raises StoreError."""
    with store_lock(store):
        payload = {"sweep": mark.sweep, "run": str(run.absolute()), "grid": mark.grid}
        write_atomically(store / USERS / f"{mark.sweep}.json", json.dumps(payload).encode() + b"\n")


def users_of(store: Path, run: Path | None = None) -> list[User]:
    """Every sweep that uses the store: those that are noted there, the run folder it lies in, and `run`."""
    here = {user.sweep: user for folder in (run, store.parent) if folder is not None and (user := _at(folder, store))}
    found = dict(here)
    for path in sorted((store / USERS).glob("*.json")):
        user = _noted(path)
        if user.sweep not in here:
            found[user.sweep] = user
    return [found[sweep] for sweep in sorted(found)]


def forget_user(store: Path, sweep: str) -> None:
    """Remove a user from the store's list; to be called under `store_lock`."""
    (store / USERS / f"{sweep}.json").unlink(missing_ok=True)


def _at(run: Path, store: Path) -> User | None:
    """The sweep of a run folder, where it uses this store."""
    with contextlib.suppress(UserError):
        mark = read_mark(run)
        used = Path(mark.store) if mark.store else run / "phases"
        if used.resolve() == store.resolve():
            return User(sweep=mark.sweep, run=run, grid=mark.grid, mark=mark)
    return None


def _noted(path: Path) -> User:
    """The user of one file; what can't be read stands for a sweep that can't be asked."""
    try:
        payload = json.loads(path.read_bytes())
        sweep, run, grid = str(payload["sweep"]), Path(str(payload["run"])), str(payload["grid"])
    except (OSError, ValueError, KeyError, TypeError):
        return User(sweep=path.stem, run=path, grid="unknown")
    try:
        mark = read_mark(run)
    except UserError:
        mark = None
    return User(sweep=sweep, run=run, grid=grid, mark=mark if mark is not None and mark.sweep == sweep else None)
