"""Writing to disk so that a kill at any byte leaves either the old content or the new, and a full disk is named as such."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from training.errors import StorageFullError, StoreError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
        raise StoreError(f"{subject} can't be written", error.strerror or str(error), remedy) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, flush it to disk, and rename it into place."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not.

    Raises StoreError when it can't be written, StorageFullError on a full disk.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
