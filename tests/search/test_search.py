"""The board: which trial is started next, which must wait, and what becomes of one that is lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher

from sweep.planning.plan import Plan
from sweep.search.board import Ask, Board
from sweep.search.searcher import PairSearcher
from tests.sweep.plans import SMALL, plan_of, score_record
from training.record import TrialRecord, read_records, record_path, write_record

WIDE = SMALL.replace("lr: [3e-4]", "lr: [1e-4, 3e-4]").replace("search:", "seeds: [1, 2]\nsearch:")

EVEN = SMALL.replace("epochs: [1, 2]}", "epochs: [1]}")
"""Phases of one length, whatever settings are drawn."""


def _board(run: Path, text: str = SMALL, storage: InMemoryStorage | None = None) -> Board:
    return Board.open(plan_of(text, run), storage or InMemoryStorage(), read_records(run))


def _store(plan: Plan, keys: tuple[str, ...]) -> None:
    for key in keys:
        (plan.store / f"phase--{key}").mkdir(parents=True, exist_ok=True)


def _record(ask: Ask, score: float | None) -> TrialRecord:
    return score_record(ask.spec, ask.number, ask.seed, ask.setting, score, trial=ask.name)


def _end(board: Board, ask: Ask, score: float | None = 50.0) -> None:
    """A trial trains its phases, leaves its record, and the board hears of it."""
    _store(board.plan, ask.missing)
    write_record(board.plan.run, _record(ask, score))
    board.finish(ask.leg, score)


def _started(board: Board) -> list[Ask]:
    return list(iter(board.next, None))


def test_two_running_trials_never_miss_the_same_phase(tmp_path: Path) -> None:
    board = _board(tmp_path, EVEN)
    (first,) = _started(board)
    assert [node.phase.role for node in first.nodes if node.key in first.missing] == ["pretrain", "intermediate", "target"]
    _store(board.plan, first.missing[:1])
    running = [first, *_started(board)]
    assert len(running) == 3
    assert not any(set(one.missing[1:]) & set(other.missing) for one, other in itertools.combinations(running, 2))


def test_phase_that_is_in_the_store_releases_what_waited_for_it_while_its_trial_goes_on(tmp_path: Path) -> None:
    board = _board(tmp_path, EVEN)
    (first,) = _started(board)
    _store(board.plan, first.missing[:2])
    assert any(ask.spec.intermediate.name == "mini_nli" for ask in _started(board))
    assert first.leg in board.running


def test_most_urgent_study_comes_first_and_of_equals_the_trial_with_the_least_to_train(tmp_path: Path) -> None:
    board = _board(tmp_path, EVEN)
    (first,) = _started(board)
    assert first.spec.name == "mini.mini_nli.mini_udpos"
    _store(board.plan, first.missing[:2])
    started = _started(board)
    assert [ask.level for ask in started] == sorted((ask.level for ask in started), reverse=True)
    assert [(ask.spec.name, len(ask.missing)) for ask in started] == [
        ("mini.none.mini_udpos", 1),
        ("mini.none.mini_tatoeba", 0),
        ("mini.mini_nli.mini_tatoeba", 0),
    ]


def test_trials_whose_phase_is_being_trained_wait_for_it(tmp_path: Path) -> None:
    board = _board(tmp_path)
    (first,) = _started(board)
    assert board.next() is None
    assert not board.finished
    _end(board, first)
    assert board.next() is not None


def test_failed_trial_counts_and_is_not_started_again(tmp_path: Path) -> None:
    board, names = _board(tmp_path), []
    while (ask := board.next()) is not None:
        names.append(ask.name)
        _end(board, ask, None)
    assert board.finished
    assert len(set(names)) == len(names) == board.plan.trials()
    assert _board(tmp_path).finished


def test_given_up_trial_is_not_started_again_by_this_launch_and_is_by_the_next(tmp_path: Path) -> None:
    storage = InMemoryStorage()
    board = _board(tmp_path, storage=storage)
    lost = board.next()
    assert lost is not None
    board.drop(lost.leg)
    while (ask := board.next()) is not None:
        assert ask.name != lost.name
        _end(board, ask)
    assert not board.running
    assert not board.finished
    (left,) = _started(_board(tmp_path, storage=storage))
    assert (left.name, left.setting) == (lost.name, lost.setting)


def test_given_up_trial_tells_the_study_nothing(tmp_path: Path) -> None:
    board = _board(tmp_path)
    lost = board.next()
    assert lost is not None
    board.drop(lost.leg)
    book = next(book for book in board.books if book.spec is lost.spec)
    assert not book.scores
    assert [trial.state for trial in book.study.get_trials()] == [TrialState.RUNNING]


@settings(max_examples=20, deadline=None)
@given(data=st.data(), workers=st.integers(1, 4))
def test_every_trial_runs_once_with_the_same_settings_whatever_is_lost_and_killed(
    data: st.DataObject, workers: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run, reference = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("reference")
    board, storage = _board(reference, WIDE), InMemoryStorage()
    while (ask := board.next()) is not None:
        _end(board, ask)
    board = _board(run, WIDE, storage)
    for _ in range(400):
        if not board.running and board.next() is None:
            if board.finished:
                break
            board = _board(run, WIDE, storage)
        while len(board.running) < workers and board.next() is not None:
            pass
        asks = list(board.running.values())
        assert not any(set(one.missing) & set(other.missing) for one, other in itertools.combinations(asks, 2))
        ask = data.draw(st.sampled_from(asks))
        event = data.draw(st.sampled_from(["end"] * 6 + ["drop", "kill"]))
        if event == "end":
            assert not record_path(run, ask.name).is_file()
            _end(board, ask)
        elif event == "drop":
            board.drop(ask.leg)
        else:
            board = _board(run, WIDE, storage)
    assert board.finished
    assert [path.name for path in sorted((run / "records").iterdir())] == [
        path.name for path in sorted((reference / "records").iterdir())
    ]


def test_searcher_says_not_now_while_a_trial_runs_and_finished_when_none_does(tmp_path: Path) -> None:
    searcher = PairSearcher(_board(tmp_path))
    config = searcher.suggest("a")
    assert searcher.suggest("b") is None
    searcher.board.drop(config["leg"])
    while (left := searcher.suggest("c")) != Searcher.FINISHED:
        searcher.board.drop(left["leg"])
    assert not searcher.board.finished


def test_searcher_goes_by_the_record_and_not_by_what_the_worker_said_last(tmp_path: Path) -> None:
    searcher = PairSearcher(_board(tmp_path))
    searcher.suggest("a")
    (ask,) = searcher.board.running.values()
    write_record(tmp_path, _record(ask, 42.0))
    searcher.on_trial_complete("a", None, error=True)
    book = next(book for book in searcher.board.books if book.spec is ask.spec)
    assert book.scores == {(ask.number, ask.seed): 42.0}
    assert not searcher.board.given_up


@pytest.mark.parametrize("result", [None, {"trial": "", "score": 42.0, "failed": False}])
def test_searcher_gives_up_a_trial_without_a_record(tmp_path: Path, result: dict[str, object] | None) -> None:
    searcher = PairSearcher(_board(tmp_path))
    name = searcher.suggest("a")["trial"]
    searcher.on_trial_complete("a", result and {**result, "trial": name}, error=result is None)
    assert searcher.board.given_up == {name}


def test_config_of_a_trial_names_its_study_setting_and_seed(tmp_path: Path) -> None:
    searcher = PairSearcher(_board(tmp_path))
    config = searcher.suggest("a")
    (ask,) = searcher.board.running.values()
    assert (config["trial"], config["study"]) == (ask.name, ask.spec.label)
    assert (config["number"], config["seed"]) == (ask.number, ask.seed)
    assert config["setting"] == dict(ask.setting)
