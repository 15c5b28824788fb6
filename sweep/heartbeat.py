"""A launch's sign of life in its run folder, for the case that its lock means nothing elsewhere.

Some network file systems have locks that only the processes of one machine see (NFS with `local_lock`, Lustre with
`localflock`). So the launch that holds a run folder counts up in a small file. One on another machine that finds the file
watches it: if it goes on counting, the folder is in use; if it stands still, its launch is dead. No clock is compared with
another machine's. The file is written in place, since a name that is renamed over may be seen late on such a file system.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import UserError

HEARTBEAT = ".holder"
INTERVAL = 5.0
"""Seconds between two beats."""
PATIENCE = 60.0
"""Seconds that the end of a launch waits for a sign of life being written: one that came later would look alive to the next."""
SILENT = 20.0
"""Seconds without a beat after which a launch on another machine counts as dead."""
READS = 5
"""How often a file that makes no sense is read, since another may be writing it."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""What names a running kernel, and so all processes that see each other's locks."""


@dataclass(frozen=True)
class Beat:
    """What the file says: who holds the folder, on which kernel, which launch it is, and how often it has counted."""

    holder: str
    kernel: str
    launch: str
    count: int


def refuse_beating(run: Path) -> None:
    """Raises UserError where a launch on another machine holds the run folder; waits for up to `SILENT` seconds to know.

    It does not wait where the latest launch ended by itself, or was killed on this machine.
    """
    first = _first_beat(run)
    if first is None or first.kernel == kernel():
        return
    logging.getLogger(__name__).warning("watching whether the launch that last held %s (%s) is alive", run, first.holder)
    pause = min(1.0, INTERVAL / 5)
    for _ in range(math.ceil(SILENT / pause)):  # looks, not seconds: storage that hangs holds up the holder's beats too
        time.sleep(pause)
        seen = read_beat(run)
        if seen is None and not (run / HEARTBEAT).exists():
            return
        if seen is not None and seen != first:
            remedy = "wait for it, stop it there, or give another --run"
            raise UserError(f"a launch on another machine is using the run folder {run}", first.holder, remedy)


def _first_beat(run: Path) -> Beat | None:
    """The sign of life, read again where it is just being written."""
    for _ in range(READS):
        if (seen := read_beat(run)) is not None or not (run / HEARTBEAT).exists():
            return seen
        time.sleep(0.02)
    return None


@contextlib.contextmanager
def beating(run: Path, holder: str) -> Iterator[None]:
    """Give signs of life while the block runs; `holder` is what others are told.

    Where another launch has taken the folder over all the same (this machine was cut off from it for long), the main thread is
    interrupted as by Ctrl-C.
    """
    beat = Beat(holder, kernel(), uuid.uuid4().hex, 0)
    _write(run, beat)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(run, beat, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE)
        if _launch(run) == beat.launch:
            with contextlib.suppress(OSError):
                (run / HEARTBEAT).unlink()


def _beat(run: Path, beat: Beat, ended: threading.Event) -> None:
    count = 0
    while not ended.wait(INTERVAL):
        count += 1
        if _launch(run) not in ("", beat.launch):
            log = logging.getLogger(__name__)
            log.error("another launch has taken over the run folder %s; this one ends, what it finished is kept", run)
            main = threading.main_thread().ident
            if main is not None:
                signal.pthread_kill(main, signal.SIGINT)  # a real signal, which ends a wait too
            return
        if not ended.is_set():
            _write(run, Beat(beat.holder, beat.kernel, beat.launch, count))


def read_beat(run: Path) -> Beat | None:
    """The latest sign of life; None where there is none that can be read."""
    try:
        payload = json.loads((run / HEARTBEAT).read_bytes())
        return Beat(str(payload["holder"]), str(payload["kernel"]), str(payload["launch"]), int(payload["count"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _launch(run: Path) -> str:
    seen = read_beat(run)
    return seen.launch if seen else ""


def _write(run: Path, beat: Beat) -> None:
    """A beat that can't be written is no reason to end a sweep."""
    with contextlib.suppress(OSError), (run / HEARTBEAT).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(beat)))


def kernel() -> str:
    """What names this machine's running kernel; empty where nothing does."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
