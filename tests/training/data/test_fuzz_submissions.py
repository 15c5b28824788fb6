"""Damaged submission and label files: the board says what is wrong, and nothing but that comes out."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reports.scoring.board import Level, Scorer
from reports.scoring.folders import score_folders
from reports.scoring.render import board_json, message_lines
from tests.reports.submissions import contents
from tests.training.data import mutations
from tests.training.data.fuzz_disk import ROOT, Disk
from tests.training.data.fuzz_forms import BY_BYTE, TABBED, VALUES
from training.tasks.benchmarks import XTREME, XTREME_R, Benchmark

pytestmark = pytest.mark.slow
INPUTS = 2_500
SIDES = ("predictions", "labels")
TASKS = {task.folder: (benchmark, task) for benchmark in (XTREME_R, XTREME) for task in benchmark.tasks.values()}


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk on which each side has the folder of every file that is there."""
    disk = Disk(monkeypatch)
    is_dir = Path.is_dir

    def there(path: Path) -> bool:
        inside = f"{path}/".removeprefix(f"{ROOT}/")
        return any(name.startswith(inside) for name in disk.files) if path.is_relative_to(ROOT) else is_dir(path)

    monkeypatch.setattr(Path, "is_dir", there)
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(()))
    monkeypatch.setattr(Path, "read_bytes", lambda path: path.open("rb").read())
    yield disk


def outcome(benchmark: Benchmark, folder: str) -> bool:
    """Whether both scorers gave a score; fails the test on any error, and where neither a score nor a word came out."""
    board = score_folders(*(ROOT / side for side in SIDES), benchmark, (Scorer.OFFICIAL, Scorer.CLEAN))
    (task,) = board.tasks.values()
    scores = {scorer: found for scorer, by_language in task.scores.items() for found in by_language.values()}
    assert task.folder == folder
    for found in scores.values():
        assert all(math.isfinite(value) and 0.0 <= value <= 100.0 for value in found.values()), found
    assert Scorer.CLEAN in scores or board.count(Level.ERROR) + board.count(Level.WARNING), "no score, and not a word"
    assert all(message.fault.cause for message in board.messages)
    assert bool(list(message_lines(board))) == bool(board.messages)
    assert json.loads(json.dumps(board_json(board)))
    return Scorer.CLEAN in scores


@pytest.mark.parametrize("folder", TASKS)
def test_damaged_submission_or_labels_give_scores_or_messages(folder: str, folders: Disk) -> None:
    benchmark, task = TASKS[folder]
    small = replace(benchmark, tasks={folder: replace(task, languages=task.languages[:1])})
    name = f"{folder}/test-{task.languages[0]}.{task.extension}"
    sound = {side: text.encode() for side, text in zip(SIDES, contents(task), strict=True)}
    kinds = VALUES if sound["labels"].startswith(b"{") else TABBED
    dice = random.Random(len(folder))
    folders.files = {f"{side}/{name}": content for side, content in sound.items()}
    assert outcome(small, folder), "the files as they were are not scored"
    scored = 0
    for _ in range(INPUTS):
        side, mutate = dice.choice(SIDES), dice.choice(kinds)
        packed = mutate is mutations.gzip_damaged
        content = mutate(sound[side], dice)
        if not packed and content and dice.random() < 0.3:
            content = dice.choice(BY_BYTE[:5])(content, dice)
        folders.files = {f"{other}/{name}": whole for other, whole in sound.items() if other != side}
        folders.files[f"{side}/{name}{'.gz' if packed else ''}"] = content
        try:
            scored += outcome(small, folder)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} on {side} {content[:2000]!r}") from error
    assert 0.01 * INPUTS < scored < 0.9 * INPUTS, f"{scored} of {INPUTS} were scored"


def test_gzip_of_a_submission_is_read(folders: Disk) -> None:
    benchmark, task = TASKS["xnli"]
    small = replace(benchmark, tasks={"xnli": replace(task, languages=task.languages[:1])})
    name = f"xnli/test-{task.languages[0]}.{task.extension}.gz"
    folders.files = {f"{side}/{name}": gzip.compress(text.encode()) for side, text in zip(SIDES, contents(task), strict=True)}
    assert outcome(small, "xnli")
