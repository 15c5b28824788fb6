"""`sweep study`: the answer to a grid's question, in the terminal, as JSON, and in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reports.studies.design import Design
from reports.studies.groups import grouped, read_groups
from sweep.cli import main
from sweep.runfolder import PairMark, RunMark, write_mark
from tests.reports.five_studies import multilingual_xnli, records_of
from training.errors import UserError
from training.record import write_record

MADE = replace(multilingual_xnli(), targets=("xnli",))


def _sweep(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    records = records_of(MADE, noise=0.1)
    for one in records:
        write_record(folder, one)
    pairs = tuple(PairMark(model=model, intermediate=name, target="xnli", settings=1) for model, name in MADE.points)
    studies = tuple(sorted({one.study for one in records}))
    mark = RunMark(schema=1, sweep="s", grid="mine", studies=studies, trials=21, seeds=MADE.seeds, pairs=pairs, stopping=False)
    write_mark(folder, mark)
    monkeypatch.setattr("sweep.reporting.studying.design_of", lambda where: MADE.design)
    return folder


def test_study_shows_question_answer_and_what_would_change_it(run: Path) -> None:
    result = _sweep("study", "--run", run)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "beats English alone" in result.stdout.replace("\n", " ")
    assert "What the answer rests on" in result.stdout and "What would change it" in result.stdout


def test_study_as_json_takes_groups_from_a_file_and_from_the_run_folder(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "groups.csv"
    own.write_text("code,group\nsw,rare\nht,rare\n", "utf-8")
    given = json.loads(_sweep("study", "--run", run, "--languages", own, "--json").stdout)
    assert {one["over"] for one in given["headline"]} == {"rare: 2 languages"}
    (run / "languages.csv").write_text("ar,a\nde,a\n", "utf-8")
    kept = json.loads(_sweep("study", "--run", run, "--json").stdout)
    assert {one["over"] for one in kept["headline"]} == {"a: 2 languages"}


def test_report_of_a_study_has_its_section_and_its_figures(run: Path, tmp_path: Path) -> None:
    result = _sweep("report", "--run", run, "--out", tmp_path / "page.html")
    assert result.exit_code == 0 and '<h2 id="study">The study: multilingual xnli</h2>' in (tmp_path / "page.html").read_text(
        "utf-8"
    )


def test_study_of_a_grid_that_names_none_says_what_to_write(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.reporting.studying.design_of", lambda where: None)
    result = _sweep("study", "--run", run)
    assert result.exit_code == 2 and "names no study" in result.stderr and "dataset_size" in result.stderr
    monkeypatch.setattr("sweep.reporting.studying.design_of", lambda where: Design(study="other"))
    assert "no analysis is known" in _sweep("study", "--run", run).stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sw\n", "not `code,group`"),
        ("sw,low\nsw,high\n", "in two groups"),
        ("# nothing\n", "are empty"),
        ("a,b,c\n", "not `code,group`"),
    ],
)
def test_file_of_groups_that_is_none_is_a_user_error(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=says):
        read_groups(path)


def test_languages_are_grouped_from_high_to_low_without_english() -> None:
    assert grouped(["sw", "en", "de", "tr", "sw"], {}) == {"high": ("de",), "middle": ("tr",), "low": ("sw",)}
    assert grouped(["sw", "de"], {"de": "mine"}) == {"mine": ("de",), "other": ("sw",)}


def test_groups_of_the_user_come_in_the_order_of_the_file() -> None:
    found = grouped(["ar", "de", "sw", "tr"], {"sw": "rare", "de": "common", "ar": "rare"})
    assert list(found.items()) == [("rare", ("ar", "sw")), ("common", ("de",)), ("other", ("tr",))]
