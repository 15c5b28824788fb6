"""A whole submission to either benchmark, every kind of target: files, scores, records."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.scoring.board import Level, Scorer
from reports.submission.agreement import EQUAL
from sweep.submission.submitting import Submitted
from tests.submission.conftest import World, submitted
from training.record import read_records
from training.tasks.benchmarks import XTREME, XTREME_R, Benchmark


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*"))}


def _names(benchmark: Benchmark) -> set[str]:
    return {f"{task.folder}/test-{one}.{task.extension}" for task in benchmark.tasks.values() for one in task.languages}


def _means(world: World) -> dict[str, float]:
    return {result.task: result.mean for record in read_records(world.run) for result in record.results}


def test_submission_has_the_official_files_and_scores_of_the_records_to_the_last_digit(world: World, xtreme: Submitted) -> None:
    assert contents(xtreme.out).keys() == _names(XTREME)
    assert {folder: entry.record for folder, entry in xtreme.manifest.tasks.items()} == dict.fromkeys(XTREME.tasks, EQUAL)
    assert xtreme.manifest.complete and not xtreme.differing and not xtreme.manifest.synthetic
    assert xtreme.board is not None and not [one for one in xtreme.board.messages if one.level is not Level.ABSENT]
    means = _means(world)
    for folder, entry in xtreme.manifest.tasks.items():
        assert entry.official == pytest.approx(means[folder], abs=1e-9), folder
    assert xtreme.board.overall(Scorer.OFFICIAL) == pytest.approx(sum(means[name] for name in XTREME.tasks) / 9, abs=1e-9)


def test_submission_of_xtreme_r_takes_chains_that_learn_from_the_same_data(world: World, tmp_path: Path) -> None:
    done = submitted(world, tmp_path / "out", benchmark="xtreme-r", unscored=True)
    assert contents(done.out).keys() == _names(XTREME_R)
    stand_ins = {folder: entry.target for folder, entry in done.manifest.tasks.items() if entry.target != entry.row}
    assert stand_ins == {"udpos": "udpos", "panx": "panx", "xquad": "xquad", "tatoeba": "tatoeba"}
    assert all(any("whose weights are these" in note for note in done.manifest.tasks[name].notes) for name in stand_ins)
    own = {folder: entry.record for folder, entry in done.manifest.tasks.items() if folder not in stand_ins}
    assert own == dict.fromkeys(("xnli", "xcopa", "mlqa", "tydiqa", "mewslix", "lareqa"), EQUAL)
    means = _means(world)
    assert done.manifest.tasks["lareqa"].clean == pytest.approx(means["lareqa"], abs=1e-9)
    assert done.manifest.tasks["mewslix"].official == pytest.approx(means["mewslix"], abs=1e-9)


def test_submission_of_test_sets_without_gold_has_the_same_files_and_no_score(
    world: World, xtreme: Submitted, tmp_path: Path
) -> None:
    done = submitted(world, tmp_path / "out", data=world.blank)
    assert contents(done.out) == contents(xtreme.out)
    assert done.board is None and all(entry.official is None for entry in done.manifest.tasks.values())
    assert all(entry.record.startswith("not compared") for entry in done.manifest.tasks.values())


def test_submission_says_where_its_thresholds_come_from(xtreme: Submitted) -> None:
    mined = xtreme.manifest.tasks["bucc2018"]
    assert (
        mined.threshold_from == "dev gold of each language"
        and mined.oracle
        and xtreme.manifest.tasks["xnli"].threshold_from == ""
    )
    assert all(isinstance(entry.threshold, float) for entry in mined.files.values())
