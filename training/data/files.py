"""Finds, opens and names data files.

A path below the data folder stands for the plain file or the same file with `.gz` appended, in the folder itself or in its
`xtreme` sub-folder, so that a data folder may be XTREME's download layout or the folder above it.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import IO, cast

from training.errors import DataError

_CHUNK = 1 << 20
_DIGESTS: dict[tuple[str, int, int], str] = {}
_REDO = "the file was cut short or damaged: fetch it again"


def candidates(root: Path, relative: str) -> list[Path]:
    """The paths at which the file `relative` may stand below `root`, best first."""
    return [base / name for base in (root, root / "xtreme") for name in (relative, f"{relative}.gz")]


def locate(root: Path, relative: str) -> Path:
    """Path of the file `relative` below the data folder `root`; raises DataError naming every path tried."""
    tried = candidates(root, relative)
    for path in tried:
        if path.is_file():
            return path
    places = ", ".join(str(path) for path in tried)
    raise DataError(
        f"the data file {relative} is missing", str(root), f"put it at one of {places}, or name another data folder"
    )


def read_bytes(path: Path) -> bytes:
    """Content of a plain or gzipped file; raises DataError when it can't be read, is empty or is damaged gzip."""
    with opened(path) as stream:
        content = _guarded(path, stream, -1)
    if not content:
        raise DataError(f"{path}: the file is empty", "", _REDO)
    return content


def read_text(path: Path) -> str:
    """Text of a plain or gzipped UTF-8 file, line ends as they are in it, a leading byte order mark left out.

    Raises DataError when the file can't be read, is empty, is damaged gzip or is not UTF-8 (with byte offset and line).
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: not UTF-8 at byte {error.start}",
            content[error.start : error.start + 8].hex(" "),
            "convert the file to UTF-8",
        ) from error


def lines(text: str) -> list[str]:
    r"""Lines of a text, split at \n alone and without their line ends.

    `str.splitlines` also splits at U+2028, U+0085 and others, which stand inside sentences of real data sets.
    """
    pieces = text.split("\n")
    if pieces[-1] == "":
        pieces.pop()
    return [piece.removesuffix("\r") for piece in pieces]


def content_digest(path: Path) -> str:
    """Hex sha256 of a file's content after decompression, so that `x` and `x.gz` agree; raises DataError when damaged."""
    total = hashlib.sha256()
    with opened(path) as stream:
        while chunk := _guarded(path, stream, _CHUNK):
            total.update(chunk)
    return total.hexdigest()


def cached_digest(path: Path) -> str:
    """`content_digest`, computed once in a process as long as the file's size and time of change stay the same."""
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _DIGESTS:
        _DIGESTS[key] = content_digest(path)
    return _DIGESTS[key]


def opened(path: Path) -> IO[bytes]:
    """Stream of a plain or gzipped file's content; raises DataError when it can't be opened."""
    try:
        return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: can't be read", error.strerror or str(error), "check the path and its permissions") from error


def _guarded(path: Path, stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip", str(error), _REDO) from error
    except OSError as error:
        raise DataError(f"{path}: can't be read", error.strerror or str(error), "check the disk and permissions") from error
