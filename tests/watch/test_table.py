"""The live table fits the screen it is drawn on, shows what matters now, and costs no more for ten thousand trials."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from sweep.runfolder import RunMark
from sweep.watch.glances import Glance
from sweep.watch.standing import Pace, Standing
from sweep.watch.table import TALLEST, LiveTable
from sweep.watch.tally import PairTally, Tally
from training.record import Status


def _mark(pairs: int, settings: int = 3) -> RunMark:
    labels = tuple(f"mini.task_{number}.mini_udpos~{number:06x}" for number in range(pairs))
    return RunMark(
        schema=1,
        sweep="s",
        grid="small",
        studies=labels,
        trials=pairs * settings,
        seeds=(1,),
        budgets=dict.fromkeys(labels, settings),
        stopping=True,
    )


def _seen(mark: RunMark, pair: int, number: int, **changes: Any) -> Glance:
    plain = Glance(
        trial=f"mini.task_{pair}.mini_udpos-{number:03d}-s1--0",
        study=mark.studies[pair],
        number=number,
        seed=1,
        status=Status.FINISHED,
        score=50.0 + number,
        reason="",
        seconds=60.0,
        rungs=0,
        phases=(),
    )
    return replace(plain, **changes)


def _drawn(standing: Standing, width: int = 120, height: int = 30) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, height=height, color_system=None).print(LiveTable(standing))
    return stream.getvalue().splitlines()


def _live(pair: int, phase: str = "mini_udpos-lr0.0001-ep1-s1", **more: object) -> dict[str, Any]:
    trial = f"mini.task_{pair}.mini_udpos-000-s1--0"
    return {"trial": trial, "phase": phase, "step": 12, "steps": 40, "loss": 1.2345, **more}


def _standing(pairs: int, settings: int = 3) -> Standing:
    return Standing(Tally(_mark(pairs, settings)), Pace(0.0, lambda: 100.0), running=1)


def test_table_names_pairs_sums_and_what_is_trained() -> None:
    standing = _standing(2)
    for seen in (
        _seen(standing.tally.mark, 0, 0),
        _seen(standing.tally.mark, 0, 1, status=Status.STOPPED),
        _seen(standing.tally.mark, 0, 2, status=Status.FAILED, score=None),
    ):
        standing.tally.note(seen)
        standing.pace.note(seen)
    standing.tally.note_paused(_seen(standing.tally.mark, 1, number) for number in range(2))
    standing.live, standing.left, standing.budget = [_live(1)], 125.0, "0.2 of 10 GPU-hours"
    lines = _drawn(standing)
    assert "small running: 3 of at most 6 trials, 1 stopped early, 2 waiting at a rung, 1 failed, 1 running" in lines[0]
    assert lines[1] == "0 phases trained, 0 reused, 108 trials/h, 0.05 CPU-hours"
    assert lines[2] == "after 2 min, about 2 min left, 0.2 of 10 GPU-hours"
    (first,) = [line for line in lines if line.startswith("mini.task_0.mini_udpos")]
    assert first.split()[1:] == ["3/3", "3/3", "1", "1", "50.0", "done"]
    (second,) = [line for line in lines if line.startswith("mini.task_1.mini_udpos")]
    assert second.split()[1:] == ["0/3", "0/3", "-", "-", "-", "1", "running"]
    assert lines[-1].strip() == "mini.task_1.mini_udpos-000-s1: mini_udpos-lr0.0001-ep1-s1 step 12/40, loss 1.234"
    assert _drawn(standing, width=60)[-1].strip() == "mini_udpos-lr0.0001-ep1-s1 step 12/40, loss 1.234"


@pytest.mark.parametrize("width", [20, 40, 60, 71, 72, 99, 100, 200])
@pytest.mark.parametrize("height", [5, 12, 24, 200])
def test_table_fits_the_screen(width: int, height: int) -> None:
    standing = _standing(330, 30)
    for pair in range(0, 330, 2):
        standing.tally.note(_seen(standing.tally.mark, pair, 0))
    standing.live = [_live(pair, phase="a_phase_with_quite_a_long_name_of_many_tasks-lr1e-05-ep10-s1") for pair in range(64)]
    standing.running = 512
    lines = _drawn(standing, width, height)
    assert max(map(len, lines)) <= width
    if width >= 40:
        assert len(lines) <= min(max(height - 1, 8 + 5), TALLEST)
        assert any("mini.task" in line for line in lines)


def test_pairs_that_are_worked_on_and_those_that_changed_last_are_shown_first() -> None:
    standing = _standing(100)
    standing.tally.note(_seen(standing.tally.mark, 70, 0))
    standing.tally.pairs[standing.tally.mark.studies[70]].changed = 1
    standing.live = [_live(99)]
    lines = _drawn(standing, height=14)
    shown = [line.split()[0] for line in lines if line.startswith("mini.task_")]
    assert {"mini.task_70.mini_udpos", "mini.task_99.mini_udpos"} <= set(shown)
    assert shown == sorted(shown, key=lambda name: int(name.split("_")[1].split(".")[0]))
    (others,) = [line for line in lines if "other pairs" in line]
    assert others.split()[:4] == ["and", str(100 - len(shown)), "other", "pairs"]


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    standing = _standing(1)
    standing.live = [_live(0, phase="[bold]x[/bold]")]
    assert any("[bold]x[/bold] step 12/40" in line for line in _drawn(standing))


def test_drawing_reads_no_trial_of_the_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn of a pair is kept, not counted again: the same few reads for 3 trials a pair as for 3,000."""

    def reads(settings: int) -> int:
        standing, count = _standing(3, settings), [0]
        for pair in range(3):
            for number in range(settings):
                standing.tally.note(_seen(standing.tally.mark, pair, number))
        known = PairTally.settled.fget
        assert known is not None

        def counted(self: PairTally) -> int:
            count[0] += 1
            return known(self)

        with monkeypatch.context() as patch:
            patch.setattr(PairTally, "settled", property(counted))
            _drawn(standing)
        return count[0]

    assert reads(3) == reads(300)


def test_finished_sweep_has_no_time_left_and_nothing_running() -> None:
    standing = _standing(1, 1)
    standing.tally.note(_seen(standing.tally.mark, 0, 0))
    standing.running, standing.state, standing.left = 0, "finished", 60.0
    text = "\n".join(_drawn(standing))
    assert "small finished: 1 of 1 trials" in text
    assert "left" not in text and "running" not in text


def test_trials_that_say_nothing_yet_are_starting() -> None:
    standing = _standing(1, 2)
    standing.running, standing.live = 2, []
    assert "  2 trials starting" in "\n".join(_drawn(standing))
