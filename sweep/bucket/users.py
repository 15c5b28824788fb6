"""Which sweeps use a bucket: those whose run folders' files lie in it, each asked through a copy of them."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from sweep.bucket.files import RUNS
from sweep.bucket.lease import LEASE, SILENT
from sweep.bucket.reading import brought
from sweep.gc.users import User
from sweep.runfolder import MARK, read_mark, runs_elsewhere
from training.errors import UserError
from training.stores.objects import ObjectStore


def users_behind(objects: ObjectStore, forget: str | None = None) -> list[User]:
    """Every sweep that uses a bucket, but for the one to forget. Raises UserError where that is not known or runs, StoreError.

    A run folder whose mark is not there though a launch holds it is one that has just begun: nothing is known of its needs.
    """
    found: dict[str, User] = {}
    for name in objects.folders(RUNS):
        user = _user(objects, name)
        if user is not None:
            found[user.sweep] = user
    if forget is not None:
        if forget not in found:
            raise UserError("no sweep of this id uses the store", forget, f"those that do: {', '.join(found) or 'none'}")
        if runs_elsewhere(found[forget].run):
            raise UserError("the sweep to forget is running", forget, "stop it first")
        del found[forget]
    return [found[sweep] for sweep in sorted(found)]


def _user(objects: ObjectStore, name: str) -> User | None:
    below = f"{RUNS}/{name}"
    if objects.look(f"{below}/{MARK}") is None:
        lease = objects.look(f"{below}/{LEASE}")
        if lease is None or time.time() - lease.changed / 1e9 > 100 * SILENT:
            return None
        return User(sweep=name, run=Path(below), grid="just begun")
    run = brought(f"{objects.address}/{below}")
    with contextlib.suppress(UserError):
        mark = read_mark(run)
        return User(sweep=mark.sweep, run=run, grid=mark.grid, mark=mark, copied=True)
    return User(sweep=name, run=Path(below), grid="unknown")
