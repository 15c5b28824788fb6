"""A disk that fails at chosen operations: every call that a writer or reader makes below a folder is counted, and may fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any

import pytest


class FlakyDisk:
    """Counts operations on files below `folder`; those whose number (from 0) is in `failing` end with `error`.

    `done` names the operations in order, failed ones too.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.failing, self.error = folder, frozenset[int](), 0
        self.done: list[str] = []
        for name in ("mkdir", "open", "replace", "rename", "unlink", "read_bytes", "stat"):
            monkeypatch.setattr(Path, name, self._counted(name, getattr(Path, name)))
        monkeypatch.setattr(os, "fsync", self._flushed(os.fsync))
        self._active = False

    def fail(self, failing: Collection[int], error: int) -> None:
        """Count from 0 again, and fail at these operations."""
        self.failing, self.error, self.done, self._active = frozenset(failing), error, [], True

    def heal(self) -> list[str]:
        """Fail no longer; returns what was done since `fail`."""
        self._active = False
        return self.done

    def step(self, name: str) -> None:
        """Count one operation."""
        if not self._active:
            return
        number = len(self.done)
        self.done.append(name)
        if number in self.failing:
            raise OSError(self.error, os.strerror(self.error))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, *arguments: Any, **named: Any) -> Any:
            ours = path.is_relative_to(self.folder)
            if ours and name != "stat":
                self.step(name)
            found = real(path, *arguments, **named)
            if ours and name == "open" and "w" in "".join(map(str, arguments[:1])):
                return _Stream(found, self)
            return found

        return call

    def _flushed(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(number: int) -> None:
            self.step("fsync")
            real(number)

        return call


class _Stream:
    """A file being written, whose writes are counted."""

    def __init__(self, stream: IO[Any], disk: FlakyDisk) -> None:
        self._stream, self._disk = stream, disk

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def write(self, content: Any) -> int:
        self._disk.step("write")
        return self._stream.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
