"""Scores of a submission where gold is at hand, by both scorers, and whether the files give what the trials' records say."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reports.scoring.board import Board, Scorer, TaskScores, headline
from reports.scoring.folders import score_folders
from reports.scoring.forms import FORMS
from reports.scoring.sources import read
from reports.submission.agreement import Compared, compare
from reports.submission.files import predictions_of
from reports.submission.gold import gold_by_language, label_text
from reports.submission.manifest import Manifest, TaskEntry
from reports.submission.splits import TEST, SplitData
from training.data.examples import Example
from training.data.request import Findings
from training.errors import UserError
from training.record import TrialRecord
from training.tasks.benchmarks import Benchmark, BenchmarkTask


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The manifest with scores, the board (None where no gold is at hand), and the folders that differ from their records."""

    manifest: Manifest
    board: Board | None
    differing: tuple[str, ...]


def scored(
    out: Path,
    manifest: Manifest,
    benchmark: Benchmark,
    records: Mapping[str, TrialRecord],
    splits: Callable[[str], SplitData],
    labels: Path | None,
) -> Scored:
    """Score every task that has gold: in `labels`, a folder in a submission's layout, else in the test sets themselves."""
    tasks: dict[str, TaskEntry] = {}
    differing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sweep-labels-") as made:
        for folder, entry in manifest.tasks.items():
            task = replace(benchmark.tasks[folder], languages=tuple(entry.files))
            data = splits(task.row)
            examples = {language: data.examples(language) for language in task.languages}
            found = _agreement(out, task, entry, records[folder], data, examples)
            differing += [folder] if found.differs else []
            tasks[folder] = replace(entry, record=found.says)
            _write_labels(Path(made), task, data, examples, labels)
        board = _board(out, Path(made), benchmark, manifest)
    if board is not None:
        tasks = {folder: _with_scores(entry, board.tasks.get(folder)) for folder, entry in tasks.items()}
    return Scored(manifest=replace(manifest, tasks=tasks), board=board, differing=tuple(differing))


def _write_labels(
    made: Path, task: BenchmarkTask, data: SplitData, examples: Mapping[str, Sequence[Example]], labels: Path | None
) -> None:
    """Files of labels for one task: copies of those given, else made of the gold in the test sets."""
    given = {language: _given(labels, task, language) for language in task.languages} if labels else {}
    gold = gold_by_language(data.row, examples)
    for language in task.languages:
        path = made / task.folder / f"test-{language}.{task.extension}"
        known = given.get(language)
        if known is None and language not in gold:
            continue
        path.parent.mkdir(exist_ok=True)
        if known is not None:
            path.write_bytes(known.read_bytes())
        else:
            path.write_text(label_text(FORMS[task.folder], gold[language], examples[language]), encoding="utf-8")


def _given(labels: Path, task: BenchmarkTask, language: str) -> Path | None:
    path = labels / task.folder / f"test-{language}.{task.extension}"
    return path if path.is_file() else None


def _board(out: Path, made: Path, benchmark: Benchmark, manifest: Manifest) -> Board | None:
    if not any(made.iterdir()):
        return None
    kept = {folder: benchmark.tasks[folder] for folder in manifest.tasks if (made / folder).is_dir()}
    groups = {name: folders for name, folders in benchmark.groups.items() if set(folders) <= kept.keys()}
    board = score_folders(out, made, replace(benchmark, tasks=kept, groups=groups), tuple(Scorer))
    return replace(board, messages=tuple(message for message in board.messages if message.task in kept))  # not: other folders


def _with_scores(entry: TaskEntry, found: TaskScores | None) -> TaskEntry:
    if found is None:
        return entry
    official, clean = (
        {language: headline(scores) for language, scores in found.scores[scorer].items()}
        for scorer in (Scorer.OFFICIAL, Scorer.CLEAN)
    )
    files = {
        language: replace(file, official=official.get(language), clean=clean.get(language))
        for language, file in entry.files.items()
    }
    whole = {scorer: found.average(scorer) for scorer in (Scorer.OFFICIAL, Scorer.CLEAN)}
    return replace(entry, files=files, official=whole[Scorer.OFFICIAL], clean=whole[Scorer.CLEAN])


def _agreement(
    out: Path,
    task: BenchmarkTask,
    entry: TaskEntry,
    record: TrialRecord,
    data: SplitData,
    examples: Mapping[str, Sequence[Example]],
) -> Compared:
    """Compare the files with the trial's record; nothing is known where that is of another split or of other data."""
    result = next((one for one in record.results if one.task == task.row), None)
    if result is None:
        return Compared(says=f"not compared: the record has no score of {task.row}")
    if result.split != TEST:
        return Compared(says=f"not compared: the record is of {result.split}")
    languages = tuple(result.languages)
    try:
        if data.scored_digest(languages) != record.provenance.get(f"data.{task.row}/scored"):
            return Compared(says="not compared: the record is of other test examples")
        part = {language: data.scored_examples(language) for language in languages}
    except UserError:
        return Compared(says="not compared: the test examples of the record can't be read")
    found = {language: _read_back(out, entry, task, language) for language in task.languages}
    return compare(data.row, result, found, examples, part)


def _read_back(out: Path, entry: TaskEntry, task: BenchmarkTask, language: str) -> Any:
    path = out / entry.files[language].file
    return predictions_of(FORMS[task.folder], read(path), Findings(path))
