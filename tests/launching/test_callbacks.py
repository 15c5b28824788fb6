"""What the launch makes of a leg that Tune gave up: whether it is given up here too depends on what it left on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from optuna.storages import InMemoryStorage

from reports.cells import GIVEN_UP
from sweep.launching.callbacks import Ears
from sweep.search.board import Board
from sweep.search.index import MemoryIndex
from sweep.search.searcher import PairSearcher
from tests.sweep.plans import SMALL, plan_of, score_record
from training.record import RungScore, Status, TrialRecord, read_records, write_paused, write_record

STOPPING = SMALL.replace("  sampler: random", "  sampler: random\n  stopping: {rungs: [0.5]}")


class _Launch:
    """A launch whose one running leg goes to a rung; Tune is played by the test."""

    def __init__(self, run: Path) -> None:
        self.board = Board.open(plan_of(STOPPING, run), InMemoryStorage(), (), index=MemoryIndex())
        self.searcher, self.queue = PairSearcher(self.board), SimpleQueue[TrialRecord]()
        self.ears = Ears(self.board, self.queue, Mock(), Mock())
        while (config := self.searcher.suggest("t"))["rung"] is None:
            self.searcher.on_trial_complete("t", None, error=True)
        self.config: dict[str, Any] = config
        self.ask = self.board.running[config["leg"]]

    def lose(self) -> None:
        """Tune has lost the leg once too often: the searcher hears of it first, then the callbacks."""
        self.searcher.on_trial_complete("t", None, error=True)
        self.ears.on_trial_error(0, [], SimpleNamespace(config=self.config, num_failures=3))


def _at_rung(launch: _Launch) -> TrialRecord:
    ask = launch.ask
    record = score_record(ask.spec, ask.number, ask.seed, ask.setting, 40.0, trial=ask.name)
    return replace(record, status=Status.PAUSED, rungs=(RungScore(rung=0, step=1, steps=2, score=40.0),))


@pytest.fixture
def launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Launch:
    def given_up(plan: Any, config: dict[str, Any], reason: str) -> None:
        ask = started.ask
        record = score_record(ask.spec, ask.number, ask.seed, ask.setting, None, trial=str(config["trial"]))
        write_record(plan.run, replace(record, reason=f"{GIVEN_UP}: {reason}"))

    monkeypatch.setattr("sweep.launching.callbacks.give_up_record", given_up)
    started = _Launch(tmp_path)
    return started


def test_leg_that_has_left_its_rung_and_is_then_lost_is_not_given_up(launch: _Launch, tmp_path: Path) -> None:
    write_paused(tmp_path, _at_rung(launch))
    launch.lose()
    book = launch.board.book_of(launch.ask)
    assert book.rungs == {launch.ask.number: {0: 40.0}}
    assert (read_records(tmp_path), launch.ears.given_up, book.scores) == ([], [], {})
    assert launch.ask.name not in launch.board.given_up


def test_leg_that_is_lost_before_its_rung_is_given_up_by_a_record_that_says_so(launch: _Launch, tmp_path: Path) -> None:
    launch.lose()
    (record,) = read_records(tmp_path)
    assert (record.trial, record.status) == (launch.ask.name, Status.FAILED)
    assert launch.queue.get_nowait() == record
    assert launch.board.book_of(launch.ask).scores == {(launch.ask.number, launch.ask.seed): None}
    assert len(launch.ears.given_up) == 1


def test_leg_that_has_left_a_record_and_is_then_lost_keeps_it(launch: _Launch, tmp_path: Path) -> None:
    ask = launch.ask
    ended = score_record(ask.spec, ask.number, ask.seed, ask.setting, 60.0, trial=ask.name)
    write_record(tmp_path, ended)
    launch.lose()
    assert read_records(tmp_path) == [ended]
    assert launch.board.book_of(ask).scores == {(ask.number, ask.seed): 60.0}
    assert (launch.ears.given_up, launch.ears.ended) == ([], 1)
