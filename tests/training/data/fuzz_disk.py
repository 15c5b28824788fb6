"""Readers of several files: what stands in for the disk they lie on, and what is asked of them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.training.data import mutations
from tests.training.data.fuzz_forms import BY_BYTE
from training.data.readers import READERS
from training.data.request import ReadRequest
from training.tasks.registry import row
from training.tasks.row import TaskRow

Files = Mapping[str, bytes]
"""Contents by path below the data folder."""
ROOT = Path("/no such folder")


@dataclass(frozen=True)
class Several:
    """Files of one language, and the one among them that is damaged.

    `read` gives what a reader found and `held` what the files hold, both as the same plain values.
    """

    files: Files
    damaged: str
    read: Callable[[Path], Any]
    held: Callable[[Files], Any]
    kinds: tuple[mutations.Mutation, ...] = BY_BYTE


class Disk:
    """The files below `ROOT`; every other path is as it was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: dict[str, bytes] = {}
        is_file, opened, unpacked = Path.is_file, Path.open, gzip.open

        def open_path(path: Path, *rest: Any, **more: Any) -> Any:
            content = self._content(path)
            return opened(path, *rest, **more) if content is None else io.BytesIO(content)

        def open_gzip(path: Any, *rest: Any, **more: Any) -> Any:
            content = self._content(path)
            return unpacked(path, *rest, **more) if content is None else gzip.GzipFile(fileobj=io.BytesIO(content))

        def there(path: Path) -> bool:
            return self._content(path) is not None if path.is_relative_to(ROOT) else is_file(path)

        monkeypatch.setattr(Path, "is_file", there)
        monkeypatch.setattr(Path, "open", open_path)
        monkeypatch.setattr(gzip, "open", open_gzip)

    def _content(self, path: Any) -> bytes | None:
        return self.files.get(str(path).removeprefix(f"{ROOT}/"))


def examples_of(task: str | TaskRow, split: str, root: Path, language: str = "de") -> list[Any]:
    """What the reader of a task gives for one file."""
    found = row(task) if isinstance(task, str) else task
    return READERS[found.reader](ReadRequest(found, root, split, language))


def text(value: str) -> str:
    """A text as it is; fails the test where it is blank or can't be written."""
    assert value.strip() and value.encode()
    return value
