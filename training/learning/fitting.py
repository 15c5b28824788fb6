"""When memory does not suffice: smaller pieces give the same result, and what fitted is remembered for a model and a device.

A training step that runs out of memory is done again from its beginning with half the micro-batch, so that twice as many are
accumulated: the effective batch stays. An evaluation goes on with half the tokens a batch. Nothing is ever made larger again.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from training.errors import OutOfMemoryFault, StoreError
from training.files.codec import canonical, digest
from training.files.storage import write_atomically

_SIGNS = ("you tried to allocate", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "Cannot allocate memory")
"""What torch says in a plain RuntimeError where an allocation on the CPU, or inside a library, failed."""
PEAK = "bytes"
"""The key of a note that says how much memory a phase took."""
MORE_MEMORY = "use a device with more memory, or let fewer trials share it"
"""What helps where nothing can be made smaller."""


class HalfUpdatedError(Exception):
    """Memory ran out inside an optimiser's update: the weights are of no use, and their phase has to be begun again."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on the GPU or on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def device_name(device: str, share: float = 1.0) -> str:
    """What a device, or a share of it, is called, with its memory in GiB: what fits into one does not fit into another."""
    if torch.device(device).type == "cuda":
        seen = torch.cuda.get_device_properties(device)
        return f"{seen.name}, {seen.total_memory / 2**30:.0f} GiB" + (f", {share:g} of it" if share < 1 else "")
    return f"cpu, {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


@dataclass(frozen=True)
class Notes:
    """What fitted, for a model's key and a device's name: in memory, and in small files below `folder` where there is one.

    A file that can't be read is as good as none, and one that can't be written is done without.
    """

    folder: Path | None
    model: str
    device: str
    _known: dict[str, int] = field(default_factory=dict)

    def recall(self, subject: str) -> int | None:
        """The number that fitted last; None where none is known."""
        if subject in self._known:
            return self._known[subject]
        return _number(self._path(self.folder, subject), "fits") if self.folder is not None else None

    def remember(self, subject: str, value: int) -> None:
        """Note what fits."""
        self._known[subject] = value
        self._write(subject, "fits", value)

    def remember_peak(self, subject: str, size: int) -> None:
        """Note the bytes that a phase took, unless another has taken more."""
        if self.folder is not None and size > (_number(self._path(self.folder, subject), PEAK) or 0):
            self._write(subject, PEAK, size)

    def _write(self, subject: str, name: str, value: int) -> None:
        if self.folder is not None:
            whole = {"model": self.model, "device": self.device, "subject": subject, name: value}
            with contextlib.suppress(StoreError):
                write_atomically(self._path(self.folder, subject), canonical(whole) + b"\n")

    def _path(self, folder: Path, subject: str) -> Path:
        return folder / f"{digest({'model': self.model, 'device': self.device, 'subject': subject})}.json"


def _number(path: Path, name: str) -> int | None:
    """A number of a note; None where there is no such note that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        value = json.loads(path.read_bytes())[name]
        return value if isinstance(value, int) and value > 0 else None
    return None


class Fit:
    """How large a piece may be: at most `asked` (0: no limit) or what is noted for `subject`; `halve` makes it smaller.

    `subject` says what is cut (`micro-batch of ...`, in the unit `of`), `smaller` what a user can do when one is too large.
    """

    def __init__(self, asked: int, subject: str, of: str, notes: Notes | None, smaller: str) -> None:
        self.subject, self.of, self.notes, self.smaller = subject, of, notes, smaller
        noted = notes.recall(subject) if notes else None
        self.size = min(asked, noted) if asked and noted else asked or noted or 0
        self.tried: list[int] = []

    def halve(self, used: int, seen: str, least: int = 1) -> None:
        """A piece of `used` did not fit (`seen`: what was said); raises OutOfMemoryFault where `least` is what there can be."""
        self.tried.append(used)
        if used <= least:
            tried = ", ".join(map(str, self.tried))
            raise OutOfMemoryFault(f"memory does not suffice for {self.subject} (tried {tried} {self.of})", seen, self.smaller)
        self.size = (used + 1) // 2
        if self.notes:
            self.notes.remember(self.subject, self.size)
