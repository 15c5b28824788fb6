"""Verbs of a machine that has nothing but the right to read a bucket."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sweep.bucket.lease import leased
from sweep.bucket.reading import brought
from sweep.cli import main
from sweep.options import LaunchOptions
from sweep.runfolder import ELSEWHERE, is_held
from sweep.steering.requests import STOP, options_to_resume, write_options
from tests.bucket.machines import BELOW, folder, objects, put, recorded
from tests.sweep.runs import ended
from tests.training.bucket import NAME, Server

PLACE = f"s3://{NAME}/{BELOW}"


@pytest.fixture
def run(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of another machine with one record, which is in the bucket."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "laptop").mkdir()
    monkeypatch.chdir(tmp_path / "laptop")
    run = folder(tmp_path / "head")
    recorded(run)
    write_options(run, LaunchOptions(grid="small"))
    put(run)
    return run


def said(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output
    return result


def test_table_status_and_one_trial_are_read_from_the_bucket(run: Path) -> None:
    assert "mini_udpos" in said("table", "--run", PLACE, "--csv").output
    seen = json.loads(said("status", "--run", PLACE, "--json").output)
    assert (seen["grid"], seen["done"], seen["state"]) == ("small", 1, "stopped")
    assert json.loads(said("show", "mini.none", "--run", PLACE, "--json").output)["number"] == 0


def test_later_look_sees_what_came_meanwhile(run: Path) -> None:
    said("status", "--run", PLACE)
    recorded(run, 1)
    ended(run)
    put(run)
    seen = json.loads(said("status", "--run", PLACE, "--json").output)
    assert (seen["done"], seen["state"]) == (2, "finished")


def test_sweep_that_runs_elsewhere_is_shown_as_running_and_can_be_stopped_from_here(run: Path) -> None:
    with leased(objects(run), run):
        assert json.loads(said("status", "--run", PLACE, "--json").output)["state"] == "running"
        assert "nothing to watch" in said("status", "--watch", "--run", PLACE, code=2).output
        assert "through the bucket" in said("stop", "--now", "--run", PLACE).output
    request = json.loads(objects(run).read(STOP) or b"")
    assert request["now"] and request["launch"] == json.loads((run / "launch.json").read_bytes())["launch"]
    assert "is not running" in said("stop", "--run", PLACE, code=2).output


def test_fetch_brings_a_run_folder_for_good(run: Path, tmp_path: Path) -> None:
    assert "1 record came" in said("fetch", "--run", PLACE).output
    assert "0 records came" in said("fetch", "--run", PLACE).output
    assert "mini_udpos" in said("table", "--run", "runs/all", "--csv").output
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("mine")
    assert "nothing was touched" in said("fetch", "--run", PLACE, "--to", str(tmp_path / "mine"), code=2).output


def test_address_without_a_run_folder_is_refused(run: Path) -> None:
    assert "no run folder at this address" in said("table", "--run", f"s3://{NAME}/study/runs/other", code=2).output
    refused = said("table", "--run", "s3://user:secret@bucket/runs/all", code=2)
    assert "another form" in refused.output and "secret" not in refused.output


def test_launch_into_an_address_is_refused_with_the_way_to_do_it(run: Path) -> None:
    assert "--store" in said("launch", "--grid", "tiny", "--run", PLACE, code=2).output
    assert not list(Path().iterdir())


def test_launch_elsewhere_is_believed_in_for_ten_minutes(run: Path) -> None:
    with leased(objects(run), run):
        said("fetch", "--run", PLACE)
    copy = Path("runs/all")
    assert is_held(copy)
    os.utime(copy / ELSEWHERE, (1.0, 1.0))
    assert not is_held(copy)


def test_options_to_go_on_with_come_from_the_bucket(run: Path) -> None:
    copy = brought(PLACE)
    options = options_to_resume(copy)
    assert options.grid == "small" and options.folder.name == "all" and is_held(copy) is False
