"""Files of a submission or of its labels: where they lie, and their text as the official script reads it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.errors import DataError
from training.tasks.benchmarks import BenchmarkTask

BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Source:
    """One file that was read: `text` with every line end as a newline, a byte order mark still in it."""

    path: Path
    text: str

    @property
    def lines(self) -> list[str]:
        r"""Lines without their ends; as in Python's text files, `\r\n` and `\r` alone end one too."""
        pieces = self.text.split("\n")
        if pieces[-1] == "":
            pieces.pop()
        return pieces

    @property
    def plain(self) -> Source:
        """The same without a byte order mark."""
        return Source(self.path, self.text.removeprefix(BYTE_ORDER_MARK))


def find(folder: Path, task: BenchmarkTask, language: str) -> Path | None:
    """Where a language's file is: plain, else with `.gz` appended, else nowhere."""
    plain = folder / task.folder / f"test-{language}.{task.extension}"
    return next((path for path in (plain, plain.with_name(f"{plain.name}.gz")) if path.is_file()), None)


def read(path: Path) -> Source:
    """Read a file; raises DataError when it can't be read, is damaged gzip or is not UTF-8 (with byte and line)."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip", str(error), "write the file again") from error
    except OSError as error:
        raise DataError(f"{path}: can't be read", error.strerror or str(error), "check the path and its permissions") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        seen = content[error.start : error.start + 8].hex(" ")
        raise DataError(f"{path}:{line}: not UTF-8 at byte {error.start}", seen, "write the file as UTF-8") from error
    return Source(path, text.replace("\r\n", "\n").replace("\r", "\n"))


def strangers(folder: Path, task: BenchmarkTask) -> Iterator[Path]:
    """Files of a task's folder that no language of it accounts for: the official script passes them over."""
    known = {f"test-{language}.{task.extension}{end}" for language in task.languages for end in ("", ".gz")}
    inside = folder / task.folder
    if inside.is_dir():
        yield from sorted(path for path in inside.iterdir() if path.name not in known and not path.name.startswith("."))
