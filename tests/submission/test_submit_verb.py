"""The verb: what it prints, its exit codes, and names that a user has given to things."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from sweep.cli import main
from sweep.submission.progress import View
from sweep.submission.saying import render
from sweep.submission.submitting import Submitted
from tests.submission.conftest import World
from training.tasks.benchmarks import XTREME


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark of two tasks, named as the real one."""
    tasks = {name: XTREME.tasks[name] for name in ("pawsx", "bucc2018")}
    monkeypatch.setattr("sweep.submission.submitting.BENCHMARKS", {"xtreme": replace(XTREME, tasks=tasks, groups={})})
    monkeypatch.setenv("COLUMNS", "140")


def submit(world: World, out: Path, *words: str) -> Result:
    named = ["--run", str(world.run), "--data", str(world.data), "--out", str(out)]
    return CliRunner().invoke(main, ["submit", *named, *words])


def test_submit_shows_a_row_a_task_and_where_the_files_are(world: World, tmp_path: Path) -> None:
    result = submit(world, tmp_path / "out", "--zip")
    assert result.exit_code == 0 and result.stderr == "", result.output
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if "toy.none" in line}
    assert rows["pawsx"][2] == "7" and rows["pawsx"][-1] == "equal" and "(oracle)" in rows["bucc2018"]
    assert "tuned on each language's dev gold" in result.stdout
    assert f"11 files, checked, in {tmp_path / 'out'}" in result.stdout and "SYNTHETIC" not in result.stdout
    assert (tmp_path / "out.zip").is_file()


def test_submit_without_gold_says_so_and_gives_no_number(world: World, tmp_path: Path) -> None:
    result = submit(replace(world, data=world.blank), tmp_path / "out")
    assert result.exit_code == 0 and "a language has no gold here" in result.stdout
    assert "all tasks" not in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--labels", "nowhere"), "the folder of labels is not there"),
        (("--check", "nowhere"), "the folder of predictions is not there"),
        (("--benchmark", "mini"), "no target of the mini world"),
    ],
)
def test_submit_with_a_wrong_word_is_a_fault_of_the_user(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr("sweep.submission.submitting.BENCHMARKS", {"xtreme": XTREME, "mini": XTREME})
    result = submit(world, tmp_path / "out", *words)
    assert result.exit_code == 2 and said in result.stderr and "Traceback" not in result.output


def test_submit_into_another_place_than_a_run_folder_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["submit", "--run", str(tmp_path)])
    assert result.exit_code == 2 and "this is not a run folder" in result.stderr


def test_submit_of_a_run_whose_grid_was_not_kept_says_how_to_have_it(world: World, tmp_path: Path) -> None:
    run = Path(shutil.copytree(world.run, tmp_path / "run", ignore=shutil.ignore_patterns("grid.json", "phases")))
    result = submit(replace(world, run=run), tmp_path / "out")
    assert result.exit_code == 2 and "sweep resume --run" in result.stderr


def test_names_and_notes_that_a_user_gave_are_shown_as_they_are(xtreme: Submitted) -> None:
    entry = replace(xtreme.manifest.tasks["xnli"], trial="[red]x[/red]", notes=("see [link=file:///etc]this[/link]",))
    hostile = replace(xtreme, manifest=replace(xtreme.manifest, tasks={"xnli": entry}))
    stream = io.StringIO()
    Console(width=140, file=stream).print(render(hostile))
    shown = stream.getvalue()
    assert "[red]x[/red]" in shown and "[link=file:///etc]this[/link]" in shown


def test_manifest_names_no_place_of_this_machine(xtreme: Submitted, world: World) -> None:
    text = (xtreme.out / "manifest.json").read_text("utf-8")
    assert str(world.run.parent) not in text and "tmp" not in json.loads(text)["sweep"]


def test_time_left_is_told_a_task_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 0.0, 10.0])
    view = View(clock=lambda: next(now))
    view.began({"a": {"de": 10}, "b": {"de": 30}}, {"a": ["de"], "b": ["de"]})
    view.done("a", "de")
    view.done("b", "de")
    said = capsys.readouterr().out
    assert "a predicted; 10 of 40 examples, about 30 s left" in said and said.endswith("b predicted\n")
