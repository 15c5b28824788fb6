"""A sweep in numbers: what is done of each pair and of the whole, kept up to date one record at a time."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sweep.runfolder import RunMark
from sweep.watch.glances import Glance
from training.record import Status


@dataclass
class PairTally:
    """One study: a model, an intermediate setting, and the targets that learn from one training set.

    `settings` and `trials` are what it may have at most; `tried` are the numbers of settings with a record. `best` is the best
    English dev score so far in percent: the mean over the seeds that a setting has finished.
    """

    name: str
    settings: int
    trials: int
    tried: set[int] = field(default_factory=set)
    finished: int = 0
    stopped: int = 0
    failed: int = 0
    best: float | None = None
    changed: int = 0
    _scores: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list), repr=False)

    @property
    def settled(self) -> int:
        """Trials with a record."""
        return self.finished + self.stopped + self.failed

    @property
    def complete(self) -> bool:
        """Whether it can have no further trial."""
        return self.settled >= self.trials

    def note(self, seen: Glance) -> None:
        """Count one more record."""
        self.tried.add(seen.number)
        self.finished += seen.status is Status.FINISHED
        self.stopped += seen.status is Status.STOPPED
        self.failed += seen.status is Status.FAILED
        if seen.status is Status.FINISHED and seen.score is not None:
            self._score(seen.number, seen.score)

    def _score(self, number: int, score: float) -> None:
        """Take up a seed's score: the best can fall where its own setting scores less with another seed."""
        scores = self._scores[number]
        was = statistics.fmean(scores) if scores else None
        scores.append(score)
        if self.best is None or was == self.best:
            self.best = max(map(statistics.fmean, self._scores.values()))
        else:
            self.best = max(self.best, statistics.fmean(scores))


class Tally:
    """All pairs of a sweep, and its sums. Records of studies and seeds that the latest launch does not have are not counted."""

    def __init__(self, mark: RunMark) -> None:
        self.mark = mark
        seeds = len(mark.seeds)
        settings = {label: mark.budgets.get(label, 0) for label in mark.studies}  # in the order of the grid
        self.pairs = {
            label: PairTally(name=label.rpartition("~")[0] or label, settings=count, trials=count * seeds)
            for label, count in settings.items()
        }
        self.trials = mark.trials
        self.finished = self.stopped = self.failed = 0
        self.needed = 0
        self.trained: dict[str, int] = {}
        self.tokens = 0
        self.unit_seconds = 0.0
        self.failures: list[tuple[str, str]] = []
        self._counted: set[str] = set()
        self._waiting: dict[str, int] = {}

    @property
    def settled(self) -> int:
        """Trials with a record."""
        return self.finished + self.stopped + self.failed

    @property
    def hours(self) -> float:
        """GPU-hours (or CPU-hours, see `RunMark.unit`) that trials with a record have held their resources."""
        return self.unit_seconds / 3600

    @property
    def reused(self) -> int:
        """Phases that trials needed and did not have to train."""
        return self.needed + sum(self._waiting.values()) - len(self.trained)

    @property
    def paused(self) -> int:
        """Trials that wait at a rung."""
        return len(self._waiting)

    def note(self, seen: Glance) -> bool:
        """Count a record, once; False when it is not of this launch's studies."""
        pair = self.pairs.get(seen.study)
        if pair is None or seen.seed not in self.mark.seeds or seen.trial in self._counted:
            return False
        self._counted.add(seen.trial)
        self._waiting.pop(seen.trial, None)
        pair.note(seen)
        pair.changed = len(self._counted)
        self.finished += seen.status is Status.FINISHED
        self.stopped += seen.status is Status.STOPPED
        self.failed += seen.status is Status.FAILED
        if seen.status is Status.FAILED:
            self.failures.append((seen.trial, seen.reason.splitlines()[0] if seen.reason else "no reason was given"))
        self.needed += len(seen.phases)
        self.unit_seconds += seen.seconds * self.mark.share_of(seen.study)
        self._train(seen)
        return True

    def note_paused(self, waiting: Iterable[Glance]) -> None:
        """Count the trials that wait at a rung now, in place of those that were counted before."""
        self._waiting = {}
        for seen in waiting:
            if seen.study in self.pairs and seen.seed in self.mark.seeds and seen.trial not in self._counted:
                self._waiting[seen.trial] = len(seen.phases)
                self._train(seen)

    def _train(self, seen: Glance) -> None:
        for phase in seen.phases:
            if phase.trained and phase.key not in self.trained:
                self.trained[phase.key] = phase.tokens
                self.tokens += phase.tokens
