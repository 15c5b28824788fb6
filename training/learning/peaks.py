"""How much memory a phase takes: kept to its share of a GPU, measured, and remembered for those who plan the next.

On a GPU the peak is what torch's allocator has reserved (its slack is taken from the device too); on the CPU it is what the
process grew by, with the weights that were there before. What a process takes besides (CUDA's context, libraries) is not in it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training.identity import PhaseIdentity, Runtime
from training.learning.fitting import PEAK, Notes
from training.learning.memory import release_memory
from training.tasks.row import Kind

CONTEXT = 800 << 20
"""Bytes of a GPU that a process takes besides what torch's allocator reserves: CUDA's context and its kernels."""
ENOUGH = 100
"""Steps after which a peak says something of the whole phase; all of them where it has fewer."""
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def keep_to_share(runtime: Runtime) -> None:
    """Let this process take no more of its GPU than its share: who exceeds it runs out of memory alone, not its neighbours."""
    device = torch.device(runtime.device)
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        part = max(0.01, runtime.share - CONTEXT / total) if runtime.share < 1 else 1.0
        torch.cuda.set_per_process_memory_fraction(part, device)


def peak_subject(phase: PhaseIdentity, kinds: Iterable[Kind], runtime: Runtime) -> str:
    """What a peak is remembered for: everything of a phase that decides how much memory it takes, but for the model."""
    tasks, longest = "+".join(sorted(use.task for use in phase.tasks)), max(use.max_length for use in phase.tasks)
    examples = min(runtime.micro_batch or phase.batch, phase.batch)
    ways = [name for name in ("packed", "compact", "graphs") if getattr(runtime, name)]
    ways += [f"{runtime.workers} workers"] if runtime.workers > 1 else []
    ways += [f"{phase.adapter.kind} {phase.adapter.rank} {phase.adapter.targets}"] if phase.adapter else []
    form = " ".join([phase.precision, *ways])
    return f"peak of {'+'.join(sorted(set(kinds)))} ({tasks}) with {longest} tokens, {examples} at once, {form}"


class Gauge:
    """Measures from when it is made: the most bytes that a phase of `model`, which is on the CPU then, takes on `device`."""

    def __init__(self, model: nn.Module, device: str) -> None:
        self._device = torch.device(device)
        self._weights = sum(value.numel() * value.element_size() for value in model.parameters())
        self._before: int | None = None
        release_memory()  # what earlier phases left is none of this one's
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with contextlib.suppress(OSError):
                _RESET.write_text("5")
                self._before = _status("VmRSS")

    def peak(self) -> int | None:
        """Bytes so far; None where the system does not tell."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_reserved(self._device))
        if self._before is None:
            return None
        return max(0, _status("VmHWM") - self._before) + self._weights


def note_peak(notes: Notes, subject: str, gauge: Gauge, *, steps: int, of: int) -> None:
    """Remember a phase's peak, where it ran for `steps` of its `of` steps, enough to have met its longest batches."""
    size = gauge.peak()
    if size and steps >= min(ENOUGH, of):
        notes.remember_peak(subject, size)


@dataclass(frozen=True)
class Peaks:
    """Peaks that were remembered of any model: (model's key, subject) -> device -> bytes."""

    found: Mapping[tuple[str, str], Mapping[str, int]]

    @classmethod
    def read(cls, folder: Path) -> Peaks:
        """Those below a folder of notes; what can't be read is left out."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        for path in sorted(folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                note = json.loads(path.read_bytes())
                if isinstance(note[PEAK], int) and note[PEAK] > 0:
                    found.setdefault((str(note["model"]), str(note["subject"])), {})[str(note["device"])] = note[PEAK]
        return cls(found)

    def of(self, model: str, subject: str, *, cuda: bool) -> int | None:
        """The most bytes that were seen on any GPU, or on any CPU; None where nothing was."""
        seen = self.found.get((model, subject), {})
        return max((size for device, size in seen.items() if device.startswith("cpu,") != cuda), default=None)


def _status(name: str) -> int:
    """Bytes of this process, as Linux counts them; raises OSError where it does not."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise OSError(f"{_STATUS} has no {name}")
