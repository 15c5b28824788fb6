"""`sweep status` says how far a sweep is from the run folder alone, whatever state the folder is in."""

from __future__ import annotations

import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from sweep.cli import main
from sweep.ending import Ending, EndState, LeftOut, read_ending, write_ending
from sweep.launching.outcome import trouble_lines
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan
from sweep.runfolder import hold
from sweep.steering.requests import request_stop, write_options
from sweep.watch.following import follow
from sweep.watch.live import LiveFile
from sweep.watch.standing import STANDING
from sweep.watch.status import Look, status_of
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, leave, record_of
from training.record import Status, record_path, write_paused


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A sweep with a finished, a stopped, a failed and a paused trial."""
    plan = begun(tmp_path / "run")
    study = study_of(plan, "mini.mini_nli.mini_udpos")
    leave(
        plan,
        record_of(plan, study, 0, 40.0),
        record_of(plan, study, 1, 30.0, status=Status.STOPPED, trained=()),
        record_of(plan, study_of(plan, "mini.none.mini_udpos"), 0, None, reason="diverged\nat step 3"),
    )
    waiting = record_of(plan, study, 2, 35.0, trained=())
    write_paused(plan.run, replace(waiting, status=Status.PAUSED, phases=waiting.phases[:-1]))
    return plan


def _said(plan: Plan, *words: str) -> str:
    result = CliRunner().invoke(main, ["status", "--run", str(plan.run), *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_status_counts_pairs_phases_and_storage(plan: Plan) -> None:
    found = json.loads(_said(plan, "--json"))
    assert found == json.loads(json.dumps(status_of(plan.run)))
    assert (found["done"], found["finished"], found["stopped_early"], found["paused"]) == (3, 1, 1, 1)
    assert found["failures"] == {found["failed"][0]: "diverged"}
    assert (found["phases"], found["phases_trained"], found["phases_reused"], found["tokens_trained"]) == (3, 3, 4, 3000)
    assert found["hours"] == {"unit": "CPU-hours", "spent": 0.03}
    (pair,) = [pair for pair in found["pairs"] if pair["pair"] == "mini.mini_nli.mini_udpos"]
    assert (pair["settings_tried"], pair["settings"], pair["best_dev"]) == (2, 3, 40.0)
    assert found["storage_bytes"]["store"] >= 3000
    assert (found["state"], found["next"]) == ("stopped", f"sweep resume --run {plan.run}")


@pytest.mark.parametrize("state", list(EndState))
def test_state_is_that_of_the_latest_launch(plan: Plan, state: EndState) -> None:
    write_ending(plan.run, Ending(state=state))
    assert status_of(plan.run)["state"] == state
    assert ("resume" in status_of(plan.run)["next"]) == (state is not EndState.FINISHED)


def test_sweep_that_runs_is_running_then_stopping(plan: Plan) -> None:
    write_options(plan.run, LaunchOptions(grid="small"))
    (plan.run / STANDING).write_text(json.dumps({"budget": "1 of 8 GPU-hours", "left": 77.0}))
    LiveFile(plan.run, "mini.mini_nli.mini_udpos-002-s1--0").step(3, 9, 1.5)
    with hold(plan.run):
        found = status_of(plan.run)
        assert (found["state"], found["budget"], found["seconds_left"]) == ("running", "1 of 8 GPU-hours", 77.0)
        assert [trial["step"] for trial in found["running"]] == [3]
        assert "--watch" in found["next"]
        request_stop(plan.run)
        assert status_of(plan.run)["state"] == "stopping"
    found = status_of(plan.run)
    assert (found["running"], found["seconds_left"], found["budget"]) == ([], None, "")


def test_rates_are_those_of_the_latest_launch_alone(plan: Plan) -> None:
    write_options(plan.run, LaunchOptions(grid="small"))
    look = Look(plan.run)
    assert look.again().pace.settled == 0
    record = record_of(plan, study_of(plan, "mini.none.mini_udpos"), 1, 44.0)
    leave(plan, record)
    now = time.time()
    os.utime(record_path(plan.run, record.trial), (now, now))  # the clock of files may lag behind
    standing = look.again()
    assert (standing.pace.settled, standing.tally.settled) == (1, 4)
    assert look.again().tally.settled == 4


def test_status_for_a_person_names_failures_what_was_left_out_and_the_next_command(plan: Plan) -> None:
    left = LeftOut(pair="mini.none.mini_tatoeba", trials=2, reason="not enough GPU-hours")
    write_ending(plan.run, Ending(state=EndState.LEFT_OUT, left_out=(left,)))
    text = _said(plan)
    assert "small left out: 3 of " in text
    assert "failed: mini.none.mini_udpos-000-s1--" in text and ": diverged\n" in text
    assert "left out: mini.none.mini_tatoeba, 2 trials: not enough GPU-hours" in text
    assert f"3 phases in {plan.store}" in text
    assert f"next: sweep resume --run {plan.run}" in text


def test_damaged_record_is_named_and_its_trial_left_to_the_next_launch(plan: Plan) -> None:
    write_ending(plan.run, Ending(state=EndState.FINISHED))
    assert json.loads(_said(plan, "--json"))["damaged"] == []
    path = next((plan.run / "records").glob("mini.none.*.json"))
    path.write_bytes(path.read_bytes().replace(b"diverged", b"diverted"))
    text = _said(plan)
    assert f"damaged: {path.name}: the next launch" in text and "small finished: 2 of " in text
    assert f"next: sweep resume --run {plan.run}" in text
    assert json.loads(_said(plan, "--json"))["damaged"] == [path.name]
    table = CliRunner().invoke(main, ["table", "--run", str(plan.run)])
    assert table.exit_code == 0 and path.exists()
    assert "warning: a record is damaged and left out; in the next launch its trial will run again: " in table.stderr


def test_outcome_lists_few_failures_and_everything_that_was_left_out(plan: Plan) -> None:
    study = study_of(plan, "mini.none.mini_udpos")
    failed = [replace(record_of(plan, study, 0, None, reason="worker lost\n..."), trial=f"t{number}") for number in range(12)]
    ending = Ending(
        state=EndState.LEFT_OUT,
        left_out=(LeftOut(pair="p", trials=1, reason="late"),),
        budget="8 of 8 GPU-hours",
    )
    lines = trouble_lines(failed, ending)
    assert lines[0] == "failed: t0: worker lost" and lines[10] == "and 2 other failed trials"
    assert lines[11:] == ["left out: p, 1 trial: late", "8 of 8 GPU-hours"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "sunny"}', b'{"state": "finished", "colour": 1}'])
def test_ending_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ending.json").write_bytes(content)
    assert read_ending(tmp_path) is None


def test_following_prints_a_line_a_minute_and_ends_with_the_launch(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    write_options(plan.run, LaunchOptions(grid="small"))
    stream, waited = io.StringIO(), list[float]()
    with hold(plan.run):

        def pause(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 130:
                raise KeyboardInterrupt

        follow(plan.run, Console(file=stream, width=120), pause)
    assert stream.getvalue().count("small running: 3 of ") == 3
    assert len(waited) == 130
    assert "next: sweep status --watch" in capsys.readouterr().out
    follow(plan.run, Console(file=stream, force_terminal=True, width=120), pause)
    assert len(waited) == 130  # nobody holds it any more
