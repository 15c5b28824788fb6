"""Taking turns: every arm once a round, so that what slows the machine down for a while slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an arm: wall and processor seconds of its steady steps, and what they went through.

    `seconds` leave out the first step, and all that comes before it and after the last; `start` is the time until the first
    step was done. `losses` are of every step, in order, where they were asked for. `memory` is the most bytes that
    were allocated on a GPU at a time.
    """

    seconds: float
    processor: float
    start: float
    steps: int
    rows: int
    tokens: int
    losses: tuple[float, ...] = ()
    memory: int = 0


Arm = Callable[[], Run]


class Stopwatch:
    """Marks the end of steps; on a GPU a mark waits for what was asked of it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.begun = time.perf_counter()
        self.marks: list[tuple[float, float]] = []
        self._done = 0
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

    def mark_ends(self, steps: int) -> None:
        """A step of `steps` is done: the first and the last are marked, since a mark has a price on a GPU."""
        self._done += 1
        if self._done in (1, steps):
            self.mark()

    def mark(self) -> None:
        """A step is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.marks.append((time.perf_counter(), time.process_time()))

    def run(self, steps: int, rows: int, tokens: int, losses: tuple[float, ...] = ()) -> Run:
        """What went on between the first mark and the last; `rows` and `tokens` are of the steps between them."""
        first, last = self.marks[0], self.marks[-1]
        return Run(
            seconds=last[0] - first[0],
            processor=last[1] - first[1],
            start=first[0] - self.begun,
            steps=steps,
            rows=rows,
            tokens=tokens,
            losses=losses,
            memory=torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else 0,
        )


@dataclass
class Series:
    """The runs of one arm."""

    runs: list[Run] = field(default_factory=list)

    def costs(self, clock: str = "seconds") -> list[float]:
        """Seconds a real token of each run."""
        return [getattr(run, clock) / run.tokens for run in self.runs]

    @property
    def step(self) -> float:
        """Median seconds of a step."""
        return statistics.median(run.seconds / run.steps for run in self.runs)

    @property
    def rows_a_second(self) -> float:
        """Median rows a second."""
        return statistics.median(run.rows / run.seconds for run in self.runs)

    @property
    def memory(self) -> int:
        """Most bytes on a GPU."""
        return max(run.memory for run in self.runs)

    @property
    def tokens_a_second(self) -> float:
        """Median real tokens a second."""
        return 1.0 / statistics.median(self.costs())


def take_turns(arms: Mapping[str, Arm], rounds: int, warm: int = 1) -> dict[str, Series]:
    """Run every arm `rounds` times, in turn and in alternating order, after `warm` rounds that do not count."""
    found = {name: Series() for name in arms}
    for number in range(-warm, rounds):
        names = list(arms)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            run = arms[name]()
            if number >= 0:
                found[name].runs.append(run)
    return found


def ratios(ours: Series, theirs: Series) -> tuple[float, float, float]:
    """How many times less a real token costs us: by medians, by minima, and by medians of processor time."""
    median = statistics.median
    return (
        median(theirs.costs()) / median(ours.costs()),
        min(theirs.costs()) / min(ours.costs()),
        median(theirs.costs("processor")) / median(ours.costs("processor")),
    )
