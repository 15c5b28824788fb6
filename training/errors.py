"""Faults a user can cause and mend: each carries its cause, the value seen and the remedy.

Anything that is not a `UserError` is a bug of this project and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """One fault in what the user gave, or in the machine it runs on.

    `cause` says what is wrong, `value` what was seen (shown quoted when it is not empty), `remedy` what to do about it.
    """

    def __init__(self, cause: str, value: object = "", remedy: str = "") -> None:
        self.cause, self.value, self.remedy = cause, str(value), remedy
        super().__init__(cause, self.value, remedy)

    def __str__(self) -> str:
        seen = f": {self.value!r}" if self.value else ""
        return f"{self.cause}{seen}" + (f"\n  remedy: {self.remedy}" if self.remedy else "")


class Faults(UserError):
    """Several faults of one input, reported together; `faults` keeps them in order."""

    def __init__(self, subject: str, faults: Sequence[UserError]) -> None:
        self.subject, self.faults = subject, tuple(faults)
        super().__init__(f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in {subject}")
        self.args = (subject, self.faults)

    def __str__(self) -> str:
        lines = [self.cause]
        lines += ["- " + str(fault).replace("\n", "\n  ") for fault in self.faults]
        return "\n".join(lines)


class DataError(UserError):
    """A data file is missing, damaged, or not what its task says it is."""


class MissingDataError(DataError):
    """A file of a task is not there; `task`, `split`, `language` and `file` (below the data folder) say which."""

    def __init__(
        self, cause: str, value: object, remedy: str, *, task: str = "", split: str = "", language: str = "", file: str = ""
    ) -> None:
        super().__init__(cause, value, remedy)
        self.task, self.split, self.language, self.file = task, split, language, file


class ModelError(UserError):
    """A pretrained model or a checkpoint can't be used."""


class StoreError(UserError):
    """A phase or a record can't be written to, or read from, storage."""


class PhaseLostError(StoreError):
    """A phase that was whole a moment ago can't be read any more: it was damaged, or set aside, meanwhile."""


class OtherVersionError(StoreError):
    """What another version of the project wrote: not damaged, so it must not be set aside or written over."""


class StorageFullError(StoreError):
    """The disk is full: the sweep stops, since every other trial would meet it too."""


class DivergedError(UserError):
    """A training loss became NaN or infinite."""


class PhaseBusyError(UserError):
    """Another process trains the phase (`value` is its key); whoever holds a GPU should do something else meanwhile."""


class OutOfMemoryFault(UserError):
    """Memory does not suffice even for the smallest piece of work (a micro-batch of one example)."""
