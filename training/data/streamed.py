"""Reading a file too large to hold, line by line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from training.data import files
from training.errors import DataError

_CHUNK = 1 << 20


def streamed_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of each line of a plain or gzipped UTF-8 file, without line ends and a byte order mark.

    Raises DataError when the file can't be read, is damaged gzip or is not UTF-8 (with the line).
    """
    number = 0  # of the last whole line
    try:
        with files.opened(path) as stream:
            for line in stream:
                text = line.decode("utf-8").removesuffix("\n").removesuffix("\r")
                number += 1
                yield number, text.removeprefix("\ufeff") if number == 1 else text
    except UnicodeDecodeError as error:
        seen = error.object[error.start : error.start + 8].hex(" ")
        cause = f"{path}:{number + 1}: not UTF-8 at byte {error.start} of the line"
        raise DataError(cause, seen, "convert the file to UTF-8") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        remedy = "the file was cut short or damaged: fetch it again"
        raise DataError(f"{path}: damaged gzip after line {number}", str(error), remedy) from error
    except OSError as error:
        raise DataError(f"{path}: can't be read", error.strerror or str(error), "check the path and its permissions") from error


def count_lines(path: Path) -> int:
    """Line ends in a plain or gzipped file; raises DataError when it can't be read."""
    try:
        with files.opened(path) as stream:
            return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: can't be read", str(error), "check the path, its permissions, and that it is whole"
        ) from error
