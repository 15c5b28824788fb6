"""What a reader is asked for, and the list of faults it keeps while reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, TypeVar

from training.data.files import locate
from training.errors import DataError, Faults, MissingDataError
from training.tasks.row import TaskRow

T = TypeVar("T")
SHOWN = 20
"""Faults of one file that are listed; the rest are counted."""


@dataclass(frozen=True)
class ReadRequest:
    """One file to read: the `split` of a row in one `language`, below the data folder `root`."""

    row: TaskRow
    root: Path
    split: str
    language: str

    @property
    def relative(self) -> str:
        """The file's path below the data folder; raises DataError when the row has no such split or language."""
        row = self.row
        if self.split not in row.files:
            remedy = f"run: sweep data prepare {row.name}" if self._on_hub else self._remedy_for_split()
            raise DataError(f"task {row.name} has no {self.split} file", self.split, remedy)
        if self.language not in (*row.languages, *row.train_languages, "en"):
            known = ", ".join(row.languages)
            raise DataError(f"task {row.name} has no language {self.language!r}", self.language, f"choose from {known}")
        return row.files[self.split].format(lang=self.language)

    def path(self) -> Path:
        """Where the file is; raises MissingDataError naming the task, split and language when it is missing."""
        relative = self.relative
        try:
            return locate(self.root, relative)
        except DataError as fault:
            cause = f"task {self.row.name} has no {self.split} data in language {self.language!r}: {fault.cause}"
            fetched = f"; or fetch it: sweep data prepare {self.row.name}" if self._on_hub else ""
            raise MissingDataError(
                cause,
                fault.value,
                fault.remedy + fetched,
                task=self.row.name,
                split=str(self.split),
                language=self.language,
                file=relative,
            ) from None

    def id_of(self, number: int) -> str:
        """Name of the example with index `number` of a file without ids of its own."""
        return f"{self.split}-{self.language}-{number}"

    @property
    def _on_hub(self) -> bool:
        return self.row.hub is not None and self.split in self.row.hub.splits

    def _remedy_for_split(self) -> str:
        if self.row.train_on and self.split != "test":
            return f"it trains on, and is chosen by, task {self.row.train_on}"
        if self.split == "dev" and "train" in self.row.files:
            return "set carve_dev, the share of the train file's groups to hold out"
        return f"it has {', '.join(self.row.files)}"


def is_text(value: object) -> TypeGuard[str]:
    """Whether a JSON value is text, not blank, without the lone surrogates that JSON can spell and UTF-8 can't."""
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class Findings:
    """Faults of one file: all are counted, the first 20 listed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._faults: list[DataError] = []

    def add(self, place: int | str, cause: str, value: object, remedy: str) -> None:
        """Note a fault at a line number or a place such as `data[0].title`; a long value is cut to 100 characters."""
        self.count += 1
        if len(self._faults) < SHOWN:
            text = str(value)
            shown = text if len(text) <= 100 else text[:97] + "..."
            self._faults.append(DataError(f"{self.path}:{place}: {cause}", shown, remedy))

    def settle(self, examples: Sequence[T]) -> list[T]:
        """The examples, if the file has no fault and holds any; otherwise raises `Faults`."""
        self.close(len(examples))
        return list(examples)

    def close(self, examples: int) -> None:
        """Raise `Faults` where the file has a fault or gave no examples."""
        if not self.count and not examples:
            self.add(1, "the file holds no examples", "", "fetch it again, or check that it belongs to this task")
        if self.count:
            more = f" (and {self.count - SHOWN} more, not listed)" if self.count > SHOWN else ""
            raise Faults(f"{self.path}{more}", self._faults)
