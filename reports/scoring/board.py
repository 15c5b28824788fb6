"""What came of scoring two folders: scores a language, their averages, the groups, and everything that has to be said about it.

Averages are XTREME's: unweighted over languages with English among them, unweighted over tasks. An average exists only where
every language of the task was scored, a group's or the overall one only where every task of it was.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from training.errors import DataError
from training.record import ENGLISH
from training.tasks.benchmarks import Benchmark

Scores = Mapping[str, float]
HEADLINES = ("accuracy", "f1", "map@20")
WORTH_A_NOTE = 0.05
"""Points between two averages that are worth a word."""


class Scorer(StrEnum):
    """The two sets of rules."""

    OFFICIAL = "official"
    CLEAN = "clean"


class Level(StrEnum):
    """How bad it is: an error leaves a file without a score; a warning is scored all the same, perhaps not as it was meant."""

    ERROR = "error"
    WARNING = "warning"
    ABSENT = "absent"


@dataclass(frozen=True)
class Message:
    """One thing to say about a file, a task or a language."""

    level: Level
    task: str
    fault: DataError


def headline(scores: Scores) -> float:
    """The number of a task that XTREME averages: the mean of exact match and F1, else accuracy, F1 or mAP@20."""
    if "exact_match" in scores:
        return (scores["exact_match"] + scores["f1"]) / 2.0
    return next(scores[name] for name in HEADLINES if name in scores)


@dataclass(frozen=True, kw_only=True)
class TaskScores:
    """One task: `scores[scorer][language]`, for the languages that could be scored, in the order of `languages`."""

    folder: str
    languages: tuple[str, ...]
    scores: Mapping[Scorer, Mapping[str, Scores]]

    def complete(self, scorer: Scorer) -> bool:
        """Whether every language has a score."""
        return len(self.scores[scorer]) == len(self.languages)

    def average(self, scorer: Scorer) -> float | None:
        """Unweighted mean over all languages, English included; None where one is missing."""
        return self.mean(scorer) if self.complete(scorer) else None

    def mean(self, scorer: Scorer, english: bool = True) -> float | None:
        """Unweighted mean over the languages that have a score, with or without English; None where there is none."""
        values = [headline(found) for name, found in self.scores[scorer].items() if english or name != ENGLISH]
        return statistics.fmean(values) if values else None

    def averages(self, scorer: Scorer) -> dict[str, float]:
        """Each metric's mean over the languages that have a score."""
        languages = list(self.scores[scorer].values())
        names = languages[0] if languages else ()
        return {name: statistics.fmean(scores[name] for scores in languages) for name in names}

    @property
    def differs(self) -> bool:
        """Whether the scorers' averages are worth showing side by side."""
        official, clean = self.mean(Scorer.OFFICIAL), self.mean(Scorer.CLEAN)
        if official is None or clean is None:
            return official is not clean
        same_languages = self.scores[Scorer.OFFICIAL].keys() == self.scores[Scorer.CLEAN].keys()
        return not same_languages or abs(official - clean) >= WORTH_A_NOTE


@dataclass(frozen=True, kw_only=True)
class Board:
    """All tasks of a benchmark that both folders hold, and the messages."""

    benchmark: Benchmark
    scorers: tuple[Scorer, ...]
    tasks: Mapping[str, TaskScores]
    messages: Sequence[Message] = field(default_factory=tuple)

    def group(self, name: str, scorer: Scorer) -> float | None:
        """Mean over the tasks of a group; None where one has no average."""
        return self._mean(self.benchmark.groups[name], scorer)

    def overall(self, scorer: Scorer) -> float | None:
        """Mean over all tasks (not over groups); None where one has no average, so always for the official XTREME-R."""
        return self._mean(tuple(self.benchmark.tasks), scorer)

    def count(self, level: Level) -> int:
        """How many messages of a level there are."""
        return sum(message.level is level for message in self.messages)

    def _mean(self, folders: Sequence[str], scorer: Scorer) -> float | None:
        averages = [self.tasks[name].average(scorer) if name in self.tasks else None for name in folders]
        known = [value for value in averages if value is not None]
        return statistics.fmean(known) if known and len(known) == len(folders) else None
