"""What a user can get wrong is answered with cause, value and remedy on stderr, exit code 2 and no traceback."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sweep.cli import main
from sweep.options import LaunchOptions, data_folder, existing_run, model_folders, run_folder_of
from sweep.words import Verbs
from training.errors import UserError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWEEP_DATA", raising=False)


def _refused(*words: str) -> str:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (["lunch"], "no such verb: 'lunch'", "did you mean launch?"),
        (["xyzzy"], "no such verb: 'xyzzy'", "the verbs are launch, plan"),
        (["launch", "--grid", "demo", "--data", "nowhere"], "--data names is not there: 'nowhere'", "correct --data"),
        (["plan", "--grid", "demo", "--model", "mini"], "--model takes NAME=FOLDER: 'mini'", "for example"),
        (["plan", "--grid", "demo", "--model", "mini=nowhere"], "folder of the model mini is not there", "config.json"),
        (["plan", "--grid", "demo", "--model", "m=.", "--model", "m=."], "names a model twice: 'm'", "one folder a model"),
        (["launch", "--grid", "all"], "needs real data, and no data folder was given", "give --data"),  # without the hub
        (["status"], "there is no run folder below: 'runs'", "sweep launch"),
        (["status", "--grid", "demo"], "there is no run folder here: 'runs/demo'", "sweep launch"),
        (["table", "--run", "nowhere"], "there is no run folder here: 'nowhere'", "sweep launch"),
        (["show", "x", "--run", "."], "no trial has left a record yet", "wait for the first trial"),
    ],
)
def test_fault_is_shown_with_its_remedy(words: list[str], said: str, remedy: str) -> None:
    shown = _refused(*words)
    assert shown.startswith("error: ")
    assert said in shown
    assert remedy in shown.partition("remedy:")[2]


@pytest.mark.parametrize(
    "words", [["launch"], ["launch", "--gird", "demo"], ["launch", "--grid", "demo", "--executor", "fast"]]
)
def test_fault_of_usage_points_at_the_help(words: list[str]) -> None:
    assert "--help" in _refused(*words)


def test_data_folder_of_the_environment_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_DATA", "nowhere")
    assert "SWEEP_DATA names is not there" in _refused("launch", "--grid", "demo")


def test_data_folder_given_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_DATA", "nowhere")
    assert data_folder(tmp_path) == tmp_path
    monkeypatch.setenv("SWEEP_DATA", "")
    assert data_folder(None) is None


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("search_spaces.catalogue.abouts", broken)
    assert isinstance(CliRunner().invoke(main, ["grids"]).exception, ZeroDivisionError)


def test_run_folder_of_a_grid_is_named_by_its_file() -> None:
    assert run_folder_of("demo") == Path("runs/demo")
    assert LaunchOptions(grid="../mine.yaml").folder == Path("runs/mine")
    assert LaunchOptions(grid="demo", run=Path("there")).folder == Path("there")


def test_only_run_folder_is_read_without_naming_it(tmp_path: Path) -> None:
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    assert existing_run(None, None) == Path("runs/demo")
    (tmp_path / "runs" / "tiny").mkdir()
    with pytest.raises(UserError, match="several run folders") as raised:
        existing_run(None, None)
    assert "runs/demo, runs/tiny" in raised.value.remedy


def test_model_folders_are_read_by_name(tmp_path: Path) -> None:
    assert model_folders([f"xlmr={tmp_path}"]) == {"xlmr": str(tmp_path)}


def test_interrupt_is_told_with_what_to_do_and_leaves_as_one() -> None:
    @click.group(cls=Verbs)
    def tool() -> None:
        """A tool."""

    @tool.command()
    def work() -> None:
        """Work for long."""
        raise KeyboardInterrupt

    result = CliRunner().invoke(tool, ["work"])
    assert result.exit_code == 130 and "give the same command again" in result.stderr and "Aborted" not in result.output
