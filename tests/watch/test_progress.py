"""What a launch shows while it runs: plain lines where there is no terminal, a table where there is one, never too often."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sweep.planning.plan import Plan
from sweep.watch.live import LiveFile
from sweep.watch.progress import HEARTBEAT, REFRESH, ProgressView
from sweep.watch.standing import INTERVAL, STANDING
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, record_of
from training.record import RungScore, Status, TrialRecord


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    """What is written to a terminal or a file, and how often the table was drawn."""

    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self.console = Console(file=self, force_terminal=terminal, width=120, height=20, color_system=None)

    @property
    def lines(self) -> list[str]:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue()).replace("\r", "").splitlines()

    @property
    def drawn(self) -> int:
        return self.getvalue().count("trials,") + self.getvalue().count(" trials\n")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return begun(tmp_path / "run")


def _record(plan: Plan, number: int, score: float | None = 50.0, status: Status = Status.FINISHED) -> TrialRecord:
    return record_of(plan, study_of(plan, "mini.mini_nli.mini_udpos"), number, score, status=status, trained=[2])


def test_without_a_terminal_each_trial_is_a_line(plan: Plan) -> None:
    screen, clock = Screen(), Hands()
    view = ProgressView(plan, screen.console, [_record(plan, 0)], clock=clock)
    clock.now += 10
    view.refresh(1)
    view.ended(_record(plan, 1, 61.25))
    view.close()
    head, line = screen.lines
    assert head == f"small: 4 studies, {plan.trials()} trials, 1 done before"
    assert line.startswith(f"[2/{plan.trials()}] mini.mini_nli.mini_udpos-001-s1--")
    assert "t dev 61.2 → mini_udpos 61.2 (1 trained, 2 reused, 36.0 s), about" in line and line.endswith("left")


def test_trial_that_is_stopped_early_says_where_and_one_that_failed_says_why(plan: Plan) -> None:
    screen = Screen()
    view = ProgressView(plan, screen.console, clock=Hands())
    stopped = replace(_record(plan, 0, 41.0, Status.STOPPED), rungs=(RungScore(rung=0, step=3, steps=24, score=41.0),))
    view.ended(stopped)
    view.ended(replace(_record(plan, 1, None), reason="the loss became NaN [at step 3]\nmore"))
    assert "stopped early: t dev 41.0 after 3 of 24 steps" in screen.lines[1]
    assert "failed: the loss became NaN [at step 3]" in screen.lines[2]
    assert "more" not in screen.getvalue()


def test_silence_is_broken_once_a_minute_and_no_oftener(plan: Plan) -> None:
    screen, clock = Screen(), Hands()
    view = ProgressView(plan, screen.console, budget=lambda: "1 of 8 GPU-hours", clock=clock)
    live = LiveFile(plan.run, "mini.mini_nli.mini_udpos-000-s1--0")
    live.state |= {"phase": "mini_nli-lr0.0003-ep1-s1", "step": 7, "steps": 90}
    live._write(force=True)
    for _ in range(int(3 * HEARTBEAT / REFRESH)):
        clock.now += REFRESH
        view.refresh(1)
    beats = screen.lines[1:]
    assert len(beats) == 3
    expected = f"0 of {plan.trials()} trials after 60 s, 1 running: mini_nli-lr0.0003-ep1-s1 step 7/90, 1 of 8 GPU-hours"
    assert beats[0] == expected


def test_terminal_is_drawn_twice_a_second_at_most(plan: Plan) -> None:
    screen, clock = Screen(terminal=True), Hands()
    view = ProgressView(plan, screen.console, clock=clock)
    before = screen.drawn
    for _ in range(1000):
        clock.now += 0.01
        view.refresh(3)
    view.close()
    assert 19 <= screen.drawn - before <= 22
    assert any("3 running" in line for line in screen.lines)


def test_lines_of_ended_trials_stand_above_the_table(plan: Plan) -> None:
    screen, clock = Screen(terminal=True), Hands()
    view = ProgressView(plan, screen.console, clock=clock)
    clock.now += 1
    view.refresh(1)
    view.ended(_record(plan, 0))
    view.close()
    place = next(number for number, line in enumerate(screen.lines) if "[1/" in line)
    assert any("small running" in line for line in screen.lines[:place])
    assert "small running: 1 of" in screen.lines[place + 1]


def test_close_takes_the_table_away_however_often_it_is_called(plan: Plan) -> None:
    screen = Screen(terminal=True)
    view = ProgressView(plan, screen.console, clock=Hands())
    view.close()
    view.close()
    view.ended(_record(plan, 0))
    assert screen.lines[-1].startswith("[1/")


def test_what_only_the_launch_knows_is_left_for_other_shells(plan: Plan) -> None:
    clock = Hands()
    view = ProgressView(plan, Screen().console, budget=lambda: "1 of 8 GPU-hours", still=lambda: 7, clock=clock)
    view.ended(_record(plan, 0))
    clock.now += INTERVAL
    view.refresh(2)
    told = json.loads((plan.run / STANDING).read_text("utf-8"))
    left = INTERVAL / (1 + 1) * (7 - 1)  # two are under way, so half done
    assert (told["budget"], told["left"], told["running"]) == ("1 of 8 GPU-hours", pytest.approx(left, rel=1e-2), 2)


def test_run_folder_that_can_not_be_written_does_not_stop_the_view(plan: Plan) -> None:
    clock = Hands()
    view = ProgressView(plan, Screen().console, clock=clock)
    (plan.run / STANDING).mkdir()
    clock.now += INTERVAL
    view.refresh(2)
