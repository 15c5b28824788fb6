"""Columns in one file that is mapped into memory, in the layout of safetensors: nothing is ever unpickled.

A page of the file takes memory only while it is in use. A file is written block by block, so a split of any size needs the
memory of one block.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from training.data.columns import ALWAYS, BEGINNINGS, BY_FEATURE, BY_TOKEN, BY_WORD, PAIRS, TYPES, Columns, gather
from training.errors import StoreError

_NAMES = {"<i8": "I64", "<i4": "I32", "|u1": "U8"}
_HEADER_LIMIT = 1 << 16
_CHUNK = 1 << 20


class ColumnsWriter:
    """Appends blocks to `path`; used as a context manager, it leaves nothing beside the file.

    Each column grows in a file of its own until `finish` puts them together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parts: dict[str, IO[bytes]] = {}
        self._lengths: dict[str, int] = {}
        self._ends = dict.fromkeys(BEGINNINGS, 0)
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()
        for name in self._parts:
            self._part(name).unlink(missing_ok=True)

    def add(self, block: Columns, first: int) -> None:
        """Append a block whose examples count from `first`; raises OSError."""
        if not self._parts:
            for name in block:
                self._parts[name] = self._open.enter_context(self._part(name).open("w+b"))
                self._lengths[name] = 0
                if name in BEGINNINGS:
                    self._append(name, np.zeros(1, dtype=TYPES[name]))
        if block.keys() != self._parts.keys():
            raise AssertionError("blocks of one split have the same columns")
        for name, array in block.items():
            if name in BEGINNINGS:
                self._append(name, array[1:] + self._ends[name])
                self._ends[name] += int(array[-1])
            else:
                self._append(name, array + first if name == "example" else array)

    def finish(self) -> str:
        """Write the file and flush it to disk; returns its sha256 in hex. Raises OSError."""
        if not self._parts:
            self.add(gather([]), 0)
        names = [name for name in TYPES if name in self._parts]
        total = hashlib.sha256()
        with self.path.open("wb") as stream:
            header = self._header(names)
            for piece in (len(header).to_bytes(8, "little"), header):
                stream.write(piece)
                total.update(piece)
            for name in names:
                part = self._parts[name]
                part.seek(0)
                while piece := part.read(_CHUNK):
                    stream.write(piece)
                    total.update(piece)
            stream.flush()
            os.fsync(stream.fileno())
        return total.hexdigest()

    def _append(self, name: str, array: NDArray[Any]) -> None:
        self._parts[name].write(np.ascontiguousarray(array, dtype=TYPES[name]).data)
        self._lengths[name] += len(array)

    def _part(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{name}.part")

    def _header(self, names: list[str]) -> bytes:
        """The header, padded so that the data, widest type first, is aligned."""
        entries, start = {}, 0
        for name in names:
            shape = _shape(name, self._lengths[name])
            end = start + prod(shape) * np.dtype(TYPES[name]).itemsize
            entries[name] = {"dtype": _NAMES[TYPES[name]], "shape": list(shape), "data_offsets": [start, end]}
            start = end
        text = json.dumps(entries, separators=(",", ":")).encode()
        return text + b" " * (-len(text) % 8)


def read_columns(path: Path) -> Columns:
    """The columns of a file, mapped and read-only; raises StoreError where it is not such a file or not whole."""
    try:
        raw = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
        size = int.from_bytes(raw[:8].tobytes(), "little")
        if not 0 < size <= _HEADER_LIMIT:
            raise ValueError(f"a header of {size} bytes")
        entries = json.loads(raw[8 : 8 + size].tobytes())
        columns = {name: _column(name, raw[8 + size :], entry) for name, entry in entries.items()}
        _check(columns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise StoreError(f"{path.name} does not hold encoded data", f"{type(error).__name__}: {error}") from error
    return columns


def _column(name: str, data: NDArray[np.uint8], entry: Mapping[str, Any]) -> NDArray[Any]:
    start, end = entry["data_offsets"]
    kind = TYPES[name]
    shape = _shape(name, entry["shape"][0])
    if not 0 <= start <= end <= len(data) or list(shape) != entry["shape"] or entry["dtype"] != _NAMES[kind]:
        raise ValueError(f"the column {name} is not as its header says")
    return data[start:end].view(kind).reshape(shape)


def _shape(name: str, length: int) -> tuple[int, ...]:
    return (length, 2) if name in PAIRS else (length,)


def _check(columns: Columns) -> None:
    """Raise ValueError where columns are missing or do not fit each other."""
    missing = [name for name in ALWAYS if name not in columns]
    if missing:
        raise ValueError(f"no column {missing[0]}")
    features = len(columns["example"])
    expected = dict.fromkeys(BY_FEATURE, features) | dict.fromkeys(BY_TOKEN, _end(columns["rows"], features))
    if "places" in columns:
        expected |= dict.fromkeys(BY_WORD, _end(columns["places"], features))
    for name, array in columns.items():
        if name not in BEGINNINGS and len(array) != expected[name]:
            raise ValueError(f"the column {name} has {len(array)} entries, not {expected[name]}")


def _end(beginnings: NDArray[np.int64], features: int) -> int:
    """Where the last row ends; raises ValueError where rows do not follow each other."""
    if len(beginnings) != features + 1 or beginnings[0] != 0 or (np.diff(beginnings) < 0).any():
        raise ValueError("rows that do not follow each other")
    return int(beginnings[-1])
