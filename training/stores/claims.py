"""Folders that several processes share: one at a time makes a thing, and what is damaged is moved out of the way."""

from __future__ import annotations

import contextlib
import fcntl
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from training.errors import PhaseBusyError
from training.files.storage import persevere, storage_errors

PATIENCE, BRIEFLY = 3, 0.02
"""How often a claim that is not waited for is asked for again, and after how many seconds: `is_claimed` has it for a moment."""


@contextlib.contextmanager
def claim(root: Path, name: str, poll: float, *, wait: bool = True) -> Iterator[None]:
    """Hold the right to make `name` below `root`; asks again every `poll` seconds while another process has it.

    With `wait` off it gives up soon. The kernel drops the lock of a process that dies. Raises StoreError where the lock file
    can't be made, PhaseBusyError (`value` is the name) where it gave up.
    """
    locks = root / ".claims"
    with contextlib.ExitStack() as held:
        with storage_errors(locks):
            stream = held.enter_context(persevere(lambda: _opened(locks, name), locks))
            tries = 0
            while not _locked(stream):
                tries += 1
                if not wait and tries > PATIENCE:
                    raise PhaseBusyError("another process trains it", name, "ask again when it is done")
                time.sleep(poll if wait else BRIEFLY)
        yield


def is_claimed(root: Path, name: str) -> bool:
    """Whether another holds the right to make `name`; looks without waiting, and makes nothing. Raises StoreError."""
    path = root / ".claims" / name
    with storage_errors(path), contextlib.suppress(FileNotFoundError), path.open("r") as stream:
        return not _locked(stream, fcntl.LOCK_SH)
    return False


def set_aside(root: Path, folder: Path) -> bool:
    """Move a damaged folder to `root/damaged`; False, and nothing happens, where another process was first."""
    with storage_errors(folder):
        damaged = root / "damaged"
        damaged.mkdir(exist_ok=True)
        try:
            folder.rename(damaged / f"{folder.name}.{uuid.uuid4().hex[:6]}")
        except FileNotFoundError:
            return False
    return True


def _opened(locks: Path, name: str) -> IO[str]:
    locks.mkdir(parents=True, exist_ok=True)
    return (locks / name).open("w")


def _locked(stream: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    """Try to take the lock of an open file."""
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
