"""How large to measure: XLM-R Large on a GPU, or a rehearsal of everything with a tiny model on a CPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.speed.shapes import LARGE, TINY, Shape
from training.identity import Runtime


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Sizes and effort.

    `tokens` is how many a large step has at least, `matrix` the side of the matrices that show what the device can do.
    """

    device: torch.device
    shape: Shape = LARGE
    batch: int = 32
    micro_batch: int = 4
    tokens: int = 16_384
    rounds: int = 5
    warm: int = 1
    steps: int = 12
    matrix: int = 8_192

    @property
    def runtime(self) -> Runtime:
        """Where the product's arm runs."""
        return Runtime(device=self.device.type, threads=torch.get_num_threads())

    @property
    def on_gpu(self) -> bool:
        """Whether this is no rehearsal."""
        return self.device.type == "cuda"


def quick(device: torch.device) -> Scale:
    """A few minutes."""
    return Scale(device=device, rounds=2, steps=6)


def rehearsal() -> Scale:
    """Seconds, on a CPU: that everything runs."""
    return Scale(
        device=torch.device("cpu"),
        shape=TINY,
        batch=8,
        micro_batch=2,
        tokens=256,
        rounds=1,
        warm=0,
        steps=2,
        matrix=64,
    )


def milliseconds(work: Callable[[], object], device: torch.device, repeats: int, warm: int = 3) -> float:
    """Of one call, in the mean over `repeats` calls that nothing waits between."""
    for _ in range(warm):
        work()
    _wait(device)
    begun = time.perf_counter()
    for _ in range(repeats):
        work()
    _wait(device)
    return (time.perf_counter() - begun) / repeats * 1000


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
