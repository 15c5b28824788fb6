"""`sweep score`: exit codes, scorers and output formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sweep.cli import main
from tests.reports.submissions import lines, write_submission
from training.tasks.benchmarks import XTREME, XTREME_R


def _score(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["score", str(root / "predictions"), str(root / "labels"), *words])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_submission(tmp_path, XTREME)
    return tmp_path


def test_score_of_a_whole_submission_ends_well_and_says_nothing_on_stderr(root: Path) -> None:
    result = _score(root, "--strict")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "all tasks" in result.stdout and "100.00" in result.stdout


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--strict",), 2)])
def test_score_of_a_part_names_what_is_absent_and_strict_makes_it_an_error(
    root: Path, words: tuple[str, ...], code: int
) -> None:
    (root / "predictions" / "mlqa" / "test-hi.json").unlink()
    result = _score(root, *words)
    assert result.exit_code == code
    assert "absent: of task mlqa: test-hi.json (in predictions)" in result.stderr


def test_score_of_a_damaged_file_exits_with_2_and_scores_the_rest(root: Path) -> None:
    (root / "predictions" / "mlqa" / "test-hi.json").write_text("{")
    result = _score(root, "--json")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    found = json.loads(result.stdout)
    assert found["tasks"]["mlqa"]["official"]["missing"] == ["hi"]
    assert found["tasks"]["xnli"]["official"]["average"] == 100.0


def test_score_warns_where_only_the_official_scorer_gives_a_number(root: Path) -> None:
    (root / "predictions" / "pawsx" / "test-de.tsv").write_text(lines("0", "maybe", "1"))
    both, clean = _score(root), _score(root, "--scorer", "clean")
    assert both.exit_code == 0 and "warning: " in both.stderr
    assert clean.exit_code == 2 and "error: " in clean.stderr


def test_score_by_one_scorer_shows_it_alone(root: Path) -> None:
    found = json.loads(_score(root, "--scorer", "official", "--json").stdout)
    assert set(found["tasks"]["xnli"]) == set(found["overall"]) == {"official"}


def test_score_of_xtreme_r_reads_its_tasks(tmp_path: Path) -> None:
    write_submission(tmp_path, XTREME_R)
    result = _score(tmp_path, "--benchmark", "xtreme-r", "--strict", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["tasks"]["mewslix"]["official"]["average"] == 100.0


def test_score_without_the_folders_is_a_fault_of_the_user(tmp_path: Path) -> None:
    result = _score(tmp_path)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the folder of predictions is not there")
