"""Folders that several processes share: one at a time makes a thing, and what is damaged is moved out of the way."""

from __future__ import annotations

import contextlib
import fcntl
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from training.storage import storage_errors


@contextlib.contextmanager
def claim(root: Path, name: str, poll: float) -> Iterator[None]:
    """Hold the right to make `name` below `root`; asks again every `poll` seconds while another process has it.

    The kernel drops the lock of a process that dies. Raises StoreError where the lock file can't be made.
    """
    locks = root / ".claims"
    with contextlib.ExitStack() as held:
        with storage_errors(locks):
            locks.mkdir(parents=True, exist_ok=True)
            stream = held.enter_context((locks / name).open("w"))
            while not _locked(stream):
                time.sleep(poll)
        yield


def set_aside(root: Path, folder: Path) -> None:
    """Move a damaged folder to `root/damaged`; nothing happens where another process was first."""
    with storage_errors(folder):
        damaged = root / "damaged"
        damaged.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(damaged / f"{folder.name}.{uuid.uuid4().hex[:6]}")


def _locked(stream: IO[str]) -> bool:
    """Try to take the lock of an open file."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
