"""One launch at a time goes on with a run folder's files in a bucket: a small object that its holder counts up in.

* As with a file (`sweep.heartbeat`), no clock is compared: whoever finds the object watches it. One that counts is in use; one
  that stands still for `SILENT` seconds is a dead launch's.
* Two that begin within a second may both find it free. Each writes its name, waits and reads: the one that was written over
  ends. One that was held up in between ends when it next counts, since it then finds another's name; until then both run.
* Nothing is torn by that: phases and records are put whole, and of a trial that both ran, one record stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sweep.heartbeat import PATIENCE, kernel
from training.errors import StoreError, UserError
from training.stores.objects import ObjectStore

LEASE = "lease.json"
INTERVAL = 5.0
"""Seconds between two counts."""
SILENT = 30.0
"""Seconds without a count after which a launch elsewhere is taken for dead."""
SETTLED = 1.0
"""Seconds after which the object is read again that was just written. A store's clock may show whole seconds alone: no less, so
that what this launch puts differs in its time from what the one before has put."""


@dataclass(frozen=True)
class Lease:
    """What the object says: who holds it, in which folder of which machine, which launch it is, how often it has counted."""

    holder: str
    place: str
    launch: str
    count: int = 0


def read_lease(objects: ObjectStore) -> Lease | None:
    """The latest sign of life; None where there is none that makes sense. Raises StoreError."""
    try:
        payload = json.loads(objects.read(LEASE) or b"")
        return Lease(str(payload["holder"]), str(payload["place"]), str(payload["launch"]), int(payload["count"]))
    except (ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def leased(objects: ObjectStore, run: Path) -> Iterator[threading.Event]:
    """Hold the run folder's files in the bucket while the block runs; yields what is set where another launch has taken them.

    For who holds the run folder itself. Raises UserError naming the holder while a launch elsewhere has them, StoreError.
    """
    mine = Lease(f"process {os.getpid()} on {socket.gethostname()}", f"{kernel()}:{run.absolute()}", uuid.uuid4().hex)
    _refuse_counting(objects, mine)
    _write(objects, mine)
    time.sleep(SETTLED)
    _refuse_other(objects, mine, read_lease(objects))
    lost, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=_count_up, args=(objects.impatient(), mine, lost, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join(PATIENCE)
        with contextlib.suppress(StoreError):
            quick = objects.impatient()
            seen = None if lost.is_set() else read_lease(quick)
            if seen is not None and seen.launch == mine.launch:
                quick.delete(LEASE)


def _refuse_counting(objects: ObjectStore, mine: Lease) -> None:
    """Wait until it is known that no launch elsewhere counts. A launch of this very folder is dead: its lock is ours."""
    first = read_lease(objects)
    if first is None or first.place == mine.place:
        return
    logging.getLogger(__name__).warning(
        "watching whether the launch that last held %s is alive: %s", objects.address, first.holder
    )
    pause = min(1.0, SILENT / 10)
    for _ in range(math.ceil(SILENT / pause)):  # looks, not seconds: a store that hangs holds up the holder's counts too
        time.sleep(pause)
        seen = read_lease(objects)
        if seen is None:
            return
        if seen != first:
            _refuse_other(objects, mine, seen)


def _refuse_other(objects: ObjectStore, mine: Lease, seen: Lease | None) -> None:
    if seen is not None and seen.launch != mine.launch:
        remedy = f"wait for it, stop it (sweep stop --run {objects.address}), or give another --run"
        raise UserError(f"a launch elsewhere goes on with {objects.address}", seen.holder, remedy)


def _count_up(objects: ObjectStore, mine: Lease, lost: threading.Event, ended: threading.Event) -> None:
    count = 0
    while not ended.wait(INTERVAL):
        count += 1
        with contextlib.suppress(StoreError):  # a server that is away: others have no look at the count meanwhile either
            seen = read_lease(objects)
            if seen is not None and seen.launch != mine.launch:
                lost.set()
                _interrupt(objects, seen)
                return
            if not ended.is_set():
                _write(objects, replace(mine, count=count))


def _interrupt(objects: ObjectStore, seen: Lease) -> None:
    """End this launch as Ctrl-C does: a real signal, which ends a wait too."""
    text = "another launch (%s) has taken over %s; this one ends, what it finished is kept"
    logging.getLogger(__name__).error(text, seen.holder, objects.address)
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, signal.SIGINT)


def _write(objects: ObjectStore, lease: Lease) -> None:
    objects.write(LEASE, json.dumps(asdict(lease)).encode() + b"\n")
