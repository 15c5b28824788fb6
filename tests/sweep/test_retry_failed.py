"""`--retry-failed`: failed trials run again, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from optuna.storages import InMemoryStorage

from sweep.options import LaunchOptions
from sweep.records import readable_records, set_failed_aside
from sweep.search.board import Board
from sweep.search.index import MemoryIndex
from sweep.steering.requests import launched, write_options
from tests.sweep.plans import SMALL, plan_of, score_record
from training.record import Status, record_path, write_record


def _run_all(run: Path, failing: int) -> list[str]:
    """Every trial of the small grid; the one whose turn is `failing` fails. Returns names in the order of their start."""
    plan, names = plan_of(SMALL, run), []
    board = Board.open(plan, InMemoryStorage(), readable_records(run)[0], index=MemoryIndex())
    while (ask := board.next()) is not None:
        names.append(ask.name)
        score = None if len(names) == failing else 50.0
        write_record(run, score_record(ask.spec, ask.number, ask.seed, ask.setting, score, trial=ask.name))
        board.finish(ask.leg, score)
    return names


def test_failed_trials_run_again_and_finished_ones_do_not(tmp_path: Path) -> None:
    names = _run_all(tmp_path, failing=3)
    assert _run_all(tmp_path, failing=0) == []
    assert set_failed_aside(tmp_path) == 1
    assert not record_path(tmp_path, names[2]).exists()
    assert record_path(tmp_path, names[2]).with_suffix(".failed").is_file()
    assert _run_all(tmp_path, failing=0) == [names[2]]
    assert {record.status for record in readable_records(tmp_path)[0]} == {Status.FINISHED}
    assert set_failed_aside(tmp_path) == 0


def test_wish_to_retry_is_not_kept_for_the_next_launch(tmp_path: Path) -> None:
    options = LaunchOptions(grid="demo", retry_failed=True)
    write_options(tmp_path, options)
    assert "retry_failed" not in launched(tmp_path)["options"]
    assert replace(options, retry_failed=False).grid == launched(tmp_path)["options"]["grid"]
