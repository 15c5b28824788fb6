"""Scores a folder of predictions against a folder of labels, both in the layout of a submission.

Every file is read once and by both scorers: the strict reading finds what is wrong with it, the official one says what XTREME's
script makes of it nevertheless.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from reports.scoring.board import Board, Level, Message, Scorer, Scores, TaskScores
from reports.scoring.clean import Clean, clean_scores
from reports.scoring.forms import FORMS
from reports.scoring.official import official_scores
from reports.scoring.sources import BYTE_ORDER_MARK, Source, find, read, strangers
from training.errors import DataError, UserError
from training.metrics.official import OfficialStopError
from training.tasks.benchmarks import Benchmark, BenchmarkTask


def score_folders(predictions: Path, labels: Path, benchmark: Benchmark, scorers: Sequence[Scorer]) -> Board:
    """Score every task that both folders hold; what is absent or faulty is among the board's messages.

    Raises UserError when a folder is not there or the two have no task of the benchmark in common.
    """
    for name, folder in (("predictions", predictions), ("labels", labels)):
        if not folder.is_dir():
            raise UserError(f"the folder of {name} is not there", folder, "name the folder that holds one folder a task")
    scoring = _Scoring(predictions, labels, tuple(scorers))
    tasks = {}
    for task in benchmark.tasks.values():
        found = scoring.task(task)
        if found is not None:
            tasks[task.folder] = found
    if not tasks:
        remedy = f"put the files below {', '.join(benchmark.tasks)}, or name another --benchmark"
        raise UserError(f"no task of {benchmark.name} is in both folders", f"{predictions}, {labels}", remedy)
    scoring.messages.extend(_unknown_folders(predictions, benchmark))
    return Board(benchmark=benchmark, scorers=tuple(scorers), tasks=tasks, messages=tuple(scoring.messages))


class _Scoring:
    """The two folders, and what there is to say about them so far."""

    def __init__(self, predictions: Path, labels: Path, scorers: tuple[Scorer, ...]) -> None:
        self.sides = {"predictions": predictions, "labels": labels}
        self.scorers = scorers
        self.messages: list[Message] = []

    def task(self, task: BenchmarkTask) -> TaskScores | None:
        """Score one task; None where a side has no folder of it."""
        absent = [name for name, folder in self.sides.items() if not (folder / task.folder).is_dir()]
        if absent:
            self._say(Level.ABSENT, task, DataError(f"task {task.folder} is absent", " and ".join(absent)))
            return None
        scores: dict[Scorer, dict[str, Scores]] = {Scorer.OFFICIAL: {}, Scorer.CLEAN: {}}
        for language in task.languages:
            for scorer, found in self._language(task, language).items():
                scores[scorer][language] = found
        for path in strangers(self.sides["predictions"], task):
            remedy = f"name it test-LANGUAGE.{task.extension}, for the languages of the task"
            self._say(Level.WARNING, task, DataError(f"{path}: a file that belongs to no language", path.name, remedy))
        return TaskScores(folder=task.folder, languages=task.languages, scores=scores)

    def _language(self, task: BenchmarkTask, language: str) -> dict[Scorer, Scores]:
        paths = {name: find(folder, task, language) for name, folder in self.sides.items()}
        absent = [name for name, path in paths.items() if path is None]
        if absent:
            where = f"test-{language}.{task.extension}"
            cause = f"task {task.folder} has no file {where}"
            self._say(Level.ABSENT, task, DataError(cause, " and ".join(absent)))
            return {}
        sources: list[Source] = []
        for path in paths.values():
            assert path is not None
            try:
                sources.append(read(path))
            except DataError as fault:
                self._say(Level.ERROR, task, fault)
        return self._scored(task, language, *sources) if len(sources) == 2 else {}

    def _scored(self, task: BenchmarkTask, language: str, predicted: Source, gold: Source) -> dict[Scorer, Scores]:
        form = FORMS[task.folder]
        found: dict[Scorer, Scores] = {}
        reason = ""
        clean = clean_scores(form, predicted, gold, language)
        if clean.scores is not None and Scorer.CLEAN in self.scorers:
            found[Scorer.CLEAN] = clean.scores
        try:
            if Scorer.OFFICIAL in self.scorers:
                found[Scorer.OFFICIAL] = official_scores(form, predicted, gold, language)
        except OfficialStopError as stop:
            reason = str(stop)
        self._report(task, (predicted, gold), clean, reason)
        return found

    def _report(self, task: BenchmarkTask, sources: tuple[Source, Source], clean: Clean, reason: str) -> None:
        official = Scorer.OFFICIAL in self.scorers
        level = Level.WARNING if official and not reason else Level.ERROR
        for fault in clean.faults:
            self._say(level, task, fault)
        if reason and task.scored:
            cause = f"{sources[0].path}: the official script stops here, with no score for any task"
            self._say(Level.ERROR, task, DataError(cause, reason, "" if clean.faults else "write the file anew"))
        for note in (*clean.notes, *_quirks(sources, official)):
            self._say(Level.WARNING, task, note)

    def _say(self, level: Level, task: BenchmarkTask, fault: DataError) -> None:
        self.messages.append(Message(level, task.folder, fault))


def _quirks(sources: Sequence[Source], official: bool) -> Iterator[DataError]:
    """What is harmless here, and not to the official script."""
    for source in sources:
        if source.text.startswith(BYTE_ORDER_MARK) and official:
            cause = f"{source.path}:1: a byte order mark, which the official script takes for text"
            yield DataError(cause, "", "write the file without it")
        if source.path.suffix == ".gz" and official:
            yield DataError(f"{source.path}: gzipped, and the official script reads plain files alone", "", "unpack it")


def _unknown_folders(predictions: Path, benchmark: Benchmark) -> Iterator[Message]:
    for path in sorted(predictions.iterdir()):
        if path.is_dir() and path.name not in benchmark.tasks and not path.name.startswith("."):
            near = difflib.get_close_matches(path.name, benchmark.tasks, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"the folders are {', '.join(benchmark.tasks)}"
            yield Message(Level.WARNING, path.name, DataError(f"{path}: no task of {benchmark.name}", path.name, remedy))
