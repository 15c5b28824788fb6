"""A launch's run folder kept in the bucket behind its store, so that the same command goes on where the folder is gone.

A thread looks at the folder, puts what has changed, and hears of `sweep stop` from elsewhere. It never gives the launch an
error: a bucket that is away is a line for the user, and is tried again. The end of the launch waits for what is missing.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sweep.amounts import several
from sweep.bucket.files import Note, behindhand, objects_of, put_changed, take_up
from sweep.bucket.lease import leased
from sweep.runfolder import ELSEWHERE, MARK, read_mark
from sweep.steering.requests import STOP, launched
from training.errors import StoreError, UserError
from training.files.storage import write_atomically
from training.stores.objects import ObjectStore

LOOK, SHARE = 1.0, 20.0
"""Seconds between two looks at the folder, at least; and at least so many times what a look takes."""
EAR = 5.0
"""Seconds between two looks for a request to stop."""
AGAIN = 15.0
"""Seconds for which a bucket that failed is left alone."""
PATIENCE = 180.0
"""Seconds that the end of a launch waits for what is being put."""
Tell = Callable[[str], None]


def refuse_foreign_behind(store: str, run: Path, grid: str) -> None:
    """Raises UserError where the bucket has another sweep's files under this run folder's name; changes nothing."""
    if not store:
        return
    objects = objects_of(store, run)
    try:
        there = json.loads(objects.impatient().read(MARK) or b"{}")
    except ValueError:
        return  # it is written anew
    remedy = "give another --run: the last part of its name is the sweep's name in the bucket"
    if there and there.get("grid") != grid:
        raise UserError(f"{objects.address} belongs to another grid", str(there.get("grid")), remedy)
    if there and (run / MARK).is_file() and read_mark(run).sweep != there.get("sweep"):
        raise UserError(f"{objects.address} belongs to another sweep", str(there.get("sweep")), remedy)


@contextlib.contextmanager
def kept_behind(store: str, run: Path, tell: Tell) -> Iterator[None]:
    """Bring a run folder's files from behind a store (empty: there is none), and keep them there while the block runs.

    For who holds the folder. Raises UserError while a launch elsewhere goes on with them, StoreError where they can't come.
    """
    if not store:
        yield
        return
    objects = objects_of(store, run)
    with leased(objects, run) as lost:
        objects.delete(STOP)  # whomever it was meant for has ended
        came = take_up(objects, run)
        (run / ELSEWHERE).unlink(missing_ok=True)
        if came:
            tell(f"{several(came, 'record')} came from {objects.address}; another --run begins anew")
        keeper = Keeper(objects, run, lost, tell)
        try:
            yield
        finally:
            keeper.close()


class Keeper:
    """Puts what changes in a run folder into the bucket, until it is closed."""

    def __init__(self, objects: ObjectStore, run: Path, lost: threading.Event, tell: Tell) -> None:
        """`lost` is set where another launch has taken the files over; `tell` takes a line for the user, from any thread."""
        self._objects, self._run_folder, self._lost, self._tell = objects, run, lost, tell
        self._note = Note.read(run, objects.address)
        self._ended, self._warned, self._heard = threading.Event(), False, 0.0
        self._thread = threading.Thread(target=self._run, name="run-folder-behind", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Put what is missing, which may take a minute, and end; says what could not be put."""
        self._ended.set()
        self._thread.join(PATIENCE)
        reason = "another launch has taken it over" if self._lost.is_set() else "the bucket is slow"
        if not self._thread.is_alive() and not self._lost.is_set():
            reason = self._pass(self._objects)
        missing = behindhand(self._note) if (self._run_folder / MARK).is_file() else []
        if missing:
            files = f"{several(len(missing), 'file')} of the run folder (first {missing[0]})"
            self._tell(
                f"{files} could not be put to {self._objects.address}: {reason}; the same command, here, puts them there"
            )

    def _run(self) -> None:
        quick, pause = self._objects.impatient(), LOOK
        while not self._ended.wait(pause) and not self._lost.is_set():
            began = time.monotonic()
            reason = self._pass(quick)
            pause = AGAIN if reason else max(LOOK, SHARE * (time.monotonic() - began))
            if reason and not self._warned:
                self._warned = True
                self._tell(f"the run folder can't be put to {self._objects.address} ({reason}). The sweep goes on; tried again")
            elif not reason and self._warned:
                self._warned = False
                self._tell(f"{self._objects.address} is back, and has what it missed")

    def _pass(self, objects: ObjectStore) -> str:
        """Put what has changed; what kept it from that, in a few words."""
        try:
            put_changed(objects, self._note)
            if time.monotonic() - self._heard >= EAR:
                self._heard = time.monotonic()
                self._hear(objects)
        except StoreError as error:
            return str(error).splitlines()[0]
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _hear(self, objects: ObjectStore) -> None:
        """Pass on a request to stop that was left in the bucket and means this launch."""
        content = objects.read(STOP)
        if content is None:
            return
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if json.loads(content)["launch"] == launched(self._run_folder).get("launch"):
                write_atomically(self._run_folder / STOP, content)
        objects.delete(STOP)
