"""A sweep is stopped and resumed from another shell; a request reaches the launch it is meant for, and no other."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sweep.cli import main
from sweep.options import LaunchOptions
from sweep.runfolder import hold, open_run
from sweep.steering.requests import (
    GRACE,
    LOOK,
    OPTIONS,
    STOP,
    UNWRITTEN,
    StopRequest,
    is_stopping,
    options_to_resume,
    request_stop,
    write_options,
)
from sweep.watch import live as live_module
from sweep.watch.live import LiveFile, is_saved, read_live
from training.errors import UserError

SECRET = "https://hooks.example.org/services/T0/very-secret"


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def run(tmp_path: Path) -> Path:
    open_run(tmp_path / "run", "small")
    return tmp_path / "run"


def _options(run: Path, **changes: Any) -> LaunchOptions:
    return LaunchOptions(**{"grid": "tiny", "run": run, **changes})


def test_request_reaches_the_launch_that_runs(run: Path) -> None:
    clock = Hands()
    request = StopRequest(run, write_options(run, _options(run)), clock)
    assert request.admits() and request.request is None
    with hold(run):
        assert "starts nothing new" in request_stop(run)
        assert is_stopping(run)
    assert request.admits()  # the folder is looked at once a second
    clock.pass_by(LOOK)
    assert not request.admits()
    assert not request.must_end([True])
    request.honoured()
    assert not (run / STOP).exists()


def test_request_to_stop_now_ends_trials_that_have_their_checkpoints_or_had_their_time(run: Path) -> None:
    clock = Hands()
    request = StopRequest(run, write_options(run, _options(run)), clock)
    with hold(run):
        assert "writes its checkpoints" in request_stop(run, now=True)
    clock.pass_by(LOOK)
    assert not request.must_end([True, True])  # what they say may be from before they were asked
    clock.pass_by(LOOK)
    assert not request.must_end([True, False])
    assert request.must_end([True, True])
    clock.pass_by(GRACE + 1)
    assert request.must_end([True, False])


def test_request_can_be_made_more_urgent_and_not_less(run: Path) -> None:
    clock = Hands()
    request = StopRequest(run, write_options(run, _options(run)), clock)
    with hold(run):
        request_stop(run)
        clock.pass_by(LOOK)
        assert request.request is not None and not request.request.now
        request_stop(run, now=True)
        clock.pass_by(LOOK)
        assert request.request.now
        assert "stopping already" in request_stop(run)
        assert json.loads((run / STOP).read_text("utf-8"))["now"] is True


def test_request_for_an_earlier_launch_stops_nothing(run: Path) -> None:
    write_options(run, _options(run))
    with hold(run):
        request_stop(run)
    late = (run / STOP).read_bytes()
    request = StopRequest(run, write_options(run, _options(run)), Hands())
    assert not (run / STOP).exists()
    (run / STOP).write_bytes(late)
    assert request.admits()
    assert not is_stopping(run)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"now": true}', b"null"])
def test_request_that_cannot_be_read_stops_nothing(run: Path, content: bytes) -> None:
    request = StopRequest(run, write_options(run, _options(run)), Hands())
    (run / STOP).write_bytes(content)
    assert request.admits()


def test_stopping_a_sweep_that_does_not_run_is_refused(run: Path) -> None:
    write_options(run, _options(run))
    with pytest.raises(UserError, match="small is not running") as refused:
        request_stop(run)
    assert "sweep resume" in refused.value.remedy
    assert not (run / STOP).exists()


def test_resume_has_the_options_of_the_latest_launch(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    given = _options(
        run,
        grid="mine.yaml",
        data=Path("data"),
        executor="inline",
        models={"m": "folder"},
        store=tmp_path / "store",
        notify=SECRET,
    )
    write_options(run, given)
    monkeypatch.chdir("/")
    found = options_to_resume(run)
    assert found.grid == str(tmp_path / "mine.yaml")
    assert found.data == tmp_path / "data"
    assert (found.executor, found.models, found.store, found.run) == ("inline", {"m": "folder"}, tmp_path / "store", run)
    assert found.notify is None


def test_no_option_is_lost_between_two_launches(run: Path) -> None:
    """Each field, set to something that is not its default, comes back."""
    samples = {"Path": Path("/somewhere"), "Mapping": {"a": "b"}, "str": "word", "float": 2.5, "int": 3, "bool": True}
    values = {
        item.name: next(sample for kind, sample in samples.items() if kind in str(item.type))
        for item in fields(LaunchOptions)
        if item.name not in UNWRITTEN | {"run"}
    }
    write_options(run, _options(run, **values))
    found = options_to_resume(run)
    assert {name: getattr(found, name) for name in values} == values


def test_secret_address_is_not_written_down(run: Path) -> None:
    options = _options(run, notify=SECRET)
    write_options(run, options)
    assert not [path for path in run.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()]
    assert "very-secret" not in repr(options)
    assert options_to_resume(run, SECRET).notify == SECRET


def test_resume_takes_a_request_to_stop_back(run: Path) -> None:
    write_options(run, _options(run))
    with hold(run):
        request_stop(run)
    options_to_resume(run)
    assert not (run / STOP).exists()


def test_resume_of_a_sweep_that_runs_is_refused(run: Path) -> None:
    write_options(run, _options(run))
    with hold(run), pytest.raises(UserError, match="another launch is using"):
        options_to_resume(run)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "does not say how it was launched"),
        ("{", "does not say how it was launched"),
        ('{"options": {"grid": "tiny", "colour": "red"}}', "another version's"),
        ('{"options": {}}', "another version's"),
    ],
)
def test_resume_without_readable_options_names_the_command(run: Path, content: str | None, cause: str) -> None:
    if content is not None:
        (run / OPTIONS).write_text(content)
    with pytest.raises(UserError, match=cause) as refused:
        options_to_resume(run)
    assert f"sweep launch --grid small --run {run}" in refused.value.remedy


def test_verb_stop_answers_and_refuses(run: Path) -> None:
    write_options(run, _options(run))
    with hold(run):
        result = CliRunner().invoke(main, ["stop", "--run", str(run)])
        assert result.exit_code == 0 and "starts nothing new" in result.output
    result = CliRunner().invoke(main, ["stop", "--now", "--run", str(run)])
    assert result.exit_code == 2 and "is not running" in result.stderr


def test_trial_hears_of_a_stop_between_steps_and_says_when_its_checkpoint_is_written(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Hands()
    monkeypatch.setattr(live_module.time, "monotonic", clock)
    write_options(run, _options(run))
    trial = LiveFile(run, "t")
    trial.step(3, 10, 1.0)
    assert not trial.urgent()
    with hold(run):
        request_stop(run)
        clock.pass_by(LOOK)
        assert not trial.urgent()  # it is to end by itself
        request_stop(run, now=True)
    clock.pass_by(LOOK)
    assert trial.urgent()
    assert [is_saved(state) for state in read_live(run)] == [False]
    assert not trial.urgent()  # asked again: the checkpoint is written
    assert [is_saved(state) for state in read_live(run)] == [True]


@pytest.mark.parametrize(
    ("state", "saved"),
    [
        ({"phase": "mnli", "step": 3, "steps": 9}, False),
        ({"phase": "mnli", "step": 3, "steps": 9, "saved": True}, True),
        ({"phase": "mnli", "step": 0, "steps": 9}, True),
        ({"phase": "evaluation", "step": 9, "steps": 9}, True),
        ({}, True),
    ],
)
def test_trial_that_trains_nothing_has_nothing_to_save(state: dict[str, object], saved: bool) -> None:
    assert is_saved(state) is saved
