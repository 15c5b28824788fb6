"""Writing to disk so that a kill at any byte leaves either the old content or the new, and a full disk is named as such.

Storage on a network fails now and then and works a moment later. Such faults (`FLEETING`) are tried again, from the beginning
of what was being written: after a failed flush nobody knows which bytes arrived. A full disk and a refused permission are not.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from training.errors import StorageFullError, StoreError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FLEETING = {
    errno.EIO,
    errno.EBUSY,
    errno.EINTR,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EREMOTEIO,
    errno.ENOLINK,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.ENOTCONN,
    errno.ESHUTDOWN,
}
"""Faults that may be gone a moment later."""
LOST = {errno.EIO, errno.ENOENT, errno.EISDIR, errno.ENOTDIR}
"""Faults of reading that stay: what should be there can't be had."""
WAITS = (0.1, 0.5, 2.0, 5.0)
"""Seconds before each further try."""
T = TypeVar("T")


@contextlib.contextmanager
def storage_errors(subject: Path) -> Iterator[None]:
    """Turn an OSError while `subject` is written into a StoreError; a full disk becomes a StorageFullError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            remedy = "free some space (or move the run folder), then give the same command again: what is finished is kept"
            raise StorageFullError(f"no space left while writing {subject}", error.strerror or "", remedy) from error
        remedy = "check the folder's permissions and the disk, then give the same command again"
        if error.errno in FLEETING:
            remedy = f"it was tried {len(WAITS) + 1} times; check the disk and the network, then give the same command again"
        raise StoreError(f"{subject} can't be written", error.strerror or str(error), remedy) from error


def persevere(action: Callable[[], T], subject: Path | str, waits: tuple[float, ...] = WAITS) -> T:
    """Do `action`, and again from its beginning after a fleeting fault of the storage that holds `subject`.

    `waits` are the seconds before each further try. Raises the last OSError when it does not pass, and any other at once.
    """
    for wait in waits:
        try:
            return action()
        except OSError as error:
            if error.errno not in FLEETING:
                raise
            logging.getLogger(__name__).warning("%s: %s; tried again in %s s", subject, error.strerror or error, wait)
        time.sleep(wait)
    return action()


def is_unreachable(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that the system refused to read (out of reach, no permission, too many files).

    Nothing is known then of what lies there. A sector that can't be read (EIO) is damage, and so is what makes no sense.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None and seen.errno not in LOST:
            return True
        seen = seen.__cause__
    return False


def read_bytes(path: Path) -> bytes:
    """The content of a file; fleeting faults are tried again. Raises OSError."""
    return persevere(path.read_bytes, path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to disk, and rename it into place.

    Fleeting faults are tried again. Raises StoreError when it can't be written, StorageFullError on a full disk.
    """

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    replace_with(path, write)


def replace_with(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` fill a temporary file beside `path`, and rename it into place; done again after a fleeting fault.

    Raises StoreError when it can't be written, StorageFullError on a full disk.
    """

    def once() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path) as temporary:
            write(temporary)
            temporary.replace(path)

    with storage_errors(path):
        persevere(once, path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not.

    The block itself is not done again: `replace_with` does that. Raises StoreError when it can't be written, StorageFullError
    on a full disk.
    """
    with storage_errors(path):
        persevere(lambda: path.parent.mkdir(parents=True, exist_ok=True), path)
        with _beside(path) as temporary:
            yield temporary
            persevere(lambda: temporary.replace(path), path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A temporary path, gone at the end; that it can't be removed is no reason to fail: leftovers are swept."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
