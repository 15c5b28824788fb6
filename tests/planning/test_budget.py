"""Budgets and deadlines: only what can still finish is started, what was left out is named, and a hopeless limit is a fault."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.options import LaunchOptions, gpu_price
from sweep.planning.budget import RESERVE, Budget, budget_of, left_out
from sweep.planning.costs import Costs, Span, costs_of
from sweep.planning.limits import Limits, deadline_of, limits_of
from sweep.planning.plan import Plan
from sweep.planning.sizes import Sizes
from sweep.planning.splits import SplitSize
from sweep.planning.studies import StudySpec
from sweep.planning.throughput import Rate
from sweep.search.board import Ask, Board
from sweep.search.index import MemoryIndex
from tests.sweep.plans import SMALL, plan_of, score_record, study_of
from training.errors import UserError
from training.identity import PhaseIdentity

NOW = 1_000_000.0
TOKENS = 3600.0
"""Of one pass over any training set: with the rate below an hour at worst, half an hour likely."""


class _Rates:
    def of(self, model: str, phase: PhaseIdentity) -> Rate:
        return Rate(1.0, 2.0, 4.0, "fixed")


class _Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def _costs(plan: Plan) -> Costs:
    tasks = ("mini_mlm", "mini_nli", "mini_udpos")
    sizes = Sizes({("mini", f"{task}/train"): SplitSize((1,), TOKENS, "") for task in tasks})
    found = costs_of(plan, sizes)
    return Costs(plan, sizes, _Rates(), found.architectures, Span(0.0, 0.0, 0.0))


ONE_EPOCH = SMALL.replace("epochs: [1, 2]", "epochs: [1]")


def _budget(limits: Limits, earlier: float = 0.0, text: str = ONE_EPOCH) -> tuple[Board, Budget, _Clock]:
    plan, clock = plan_of(text), _Clock()
    budget = Budget(limits, _costs(plan), earlier, clock)
    index = MemoryIndex()
    return Board.open(plan, optuna.storages.InMemoryStorage(), [], index=index, gates=(budget,)), budget, clock


def _end(board: Board, clock: _Clock, ask: Ask, seconds: float) -> None:
    """A leg takes so long, and leaves its phases."""
    clock.now += seconds
    assert isinstance(board.index, MemoryIndex)
    for key in ask.missing:
        board.index.add(key)
    board.finish(ask.leg, 50.0)


def _run(board: Board, clock: _Clock, factor: float = 0.5) -> list[Ask]:
    """Run legs one after the other until none is admitted; each takes `factor` hours a missing node."""
    done = []
    while (ask := board.next()) is not None:
        _end(board, clock, ask, factor * 3600 * len(ask.missing))
        done.append(ask)
    return done


def _pair(spec: StudySpec) -> str:
    return f"{spec.name} ({', '.join(spec.targets)})"


def test_no_limit_admits_everything() -> None:
    assert not Limits()
    board, budget, clock = _budget(Limits())
    _run(board, clock)
    assert board.finished
    assert (left_out(board), budget.refused, budget.fault()) == ([], False, None)


def test_budget_is_never_overspent_and_names_what_it_left_out() -> None:
    board, budget, clock = _budget(Limits(gpu_hours=2.5))
    done = _run(board, clock)
    assert done
    assert not board.finished
    assert budget.spent() <= 2.5
    plan = board.plan
    wanted = Counter({_pair(spec): plan.settings_of(spec) * len(plan.grid.seeds) for spec in plan.studies})
    left = wanted - Counter(_pair(ask.spec) for ask in done)
    assert {item.pair: item.trials for item in left_out(board)} == left
    assert budget.refused
    assert budget.fault() is None


def test_settings_are_named_where_early_stopping_has_not_settled_them() -> None:
    text = SMALL.replace("trials: 3", "trials: 2\n  stopping: {rungs: [0.5]}")
    board, _, clock = _budget(Limits(gpu_hours=1.2), text=text)
    while (ask := board.next()) is not None:
        clock.now += 1800 * len(ask.missing)
        if ask.rung is None:
            _end(board, clock, ask, 0.0)
        else:
            board.at_rung(ask.leg, 50.0)
    assert {item.pair: item.trials for item in left_out(board)}["mini.mini_nli.mini_udpos (mini_udpos)"] == 2


def test_what_runs_now_is_counted_at_what_it_may_still_take() -> None:
    board, budget, clock = _budget(Limits(gpu_hours=3.5))
    first = board.next()
    assert first is not None and budget.need(first) == 3 * 3600.0
    assert budget.left_hours() == pytest.approx(0.5)
    clock.now += 1800
    assert budget.left_hours() == pytest.approx(0.5)
    clock.now += 3600 * 4  # longer than it should have
    assert budget.left_hours() == pytest.approx(3.5 - 4.5)


def test_spending_counts_what_earlier_launches_took() -> None:
    board, budget, clock = _budget(Limits(gpu_hours=4.0), earlier=2 * 3600.0)
    assert budget.spent() == 2.0
    assert all(budget.need(ask) <= 2 * 3600 for ask in _run(board, clock))
    assert budget.spent() <= 4.0


def test_estimates_follow_what_was_measured() -> None:
    board, budget, clock = _budget(Limits(gpu_hours=100.0))
    first = board.next()
    assert first is not None
    likely = 1800.0 * len(first.missing)
    _end(board, clock, first, 2 * likely)
    second = board.next()
    assert second is not None
    assert budget.need(second) == pytest.approx(2 * RESERVE * 1800.0 * len(second.missing))


def test_money_is_gpu_hours_at_a_price() -> None:
    limits = Limits(gpu_hours=10.0, max_cost=12.0, price=4.0)
    assert limits.hours == 3.0
    board, budget, clock = _budget(limits)
    _run(board, clock)
    assert budget.spent() <= 3.0


def test_nothing_is_started_that_ends_after_the_deadline() -> None:
    board, budget, clock = _budget(Limits(deadline=NOW + 4 * 3600))
    done = _run(board, clock, factor=1.0)
    assert done
    assert clock.now <= NOW + 4 * 3600
    assert not board.finished
    assert budget.fault() is None


def test_budget_that_nothing_fits_into_is_a_fault_with_what_would_do() -> None:
    board, budget, _ = _budget(Limits(gpu_hours=0.5))
    assert board.next() is None
    fault = budget.fault()
    assert fault is not None
    assert "too small for any trial" in fault.cause
    assert fault.value.startswith("0.50 GPU-hours are left, mini.")
    assert "allow 1.01 GPU-hours or more" in fault.remedy


def test_deadline_that_nothing_can_meet_is_a_fault() -> None:
    board, budget, _ = _budget(Limits(deadline=NOW + 60))
    assert board.next() is None
    fault = budget.fault()
    assert fault is not None
    assert "before the deadline" in fault.cause
    assert fault.value.startswith("60 s are left")


@pytest.mark.parametrize(
    ("text", "seconds"), [("6h", 21_600), ("90m", 5400), ("1d12h", 129_600), ("1.5h", 5400), ("2h30m10s", 9010)]
)
def test_duration_counts_from_now(text: str, seconds: float) -> None:
    assert deadline_of(text, NOW) == NOW + seconds


@given(st.integers(1, 10_000_000))
def test_iso_time_is_the_instant_it_names(seconds: int) -> None:
    then = datetime.fromtimestamp(NOW + seconds).astimezone()
    assert deadline_of(then.isoformat(), NOW) == NOW + seconds
    assert deadline_of(then.replace(tzinfo=None).isoformat(), NOW) == pytest.approx(NOW + seconds, abs=3700)


@pytest.mark.parametrize("text", ["", "soon", "6", "h", "6x", "-6h", "1970-01-02", "2026-13-01", "0s"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="deadline"):
        deadline_of(text, NOW)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (LaunchOptions(grid="tiny", budget_gpu_hours=0.0), "--budget-gpu-hours must be a number above 0"),
        (LaunchOptions(grid="tiny", budget_gpu_hours=float("nan")), "--budget-gpu-hours must be a number above 0"),
        (LaunchOptions(grid="tiny", max_cost=-1.0, price=1.0), "--max-cost must be a number above 0"),
        (LaunchOptions(grid="tiny", max_cost=5.0), "money can only be counted with a price"),
        (LaunchOptions(grid="tiny", deadline="soon"), "--deadline is no duration and no time"),
    ],
)
def test_limit_that_makes_no_sense_is_refused(options: LaunchOptions, said: str) -> None:
    with pytest.raises(UserError, match=said):
        limits_of(options, NOW)


def test_price_comes_from_the_command_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_GPU_PRICE", raising=False)
    assert gpu_price(None) is None
    monkeypatch.setenv("SWEEP_GPU_PRICE", "2.5")
    assert (gpu_price(None), gpu_price(3.0)) == (2.5, 3.0)
    monkeypatch.setenv("SWEEP_GPU_PRICE", "cheap")
    with pytest.raises(UserError, match="SWEEP_GPU_PRICE is no number"):
        gpu_price(None)
    with pytest.raises(UserError, match="--price must be a number above 0"):
        gpu_price(0.0)


def test_launch_without_limits_has_no_budget_and_one_with_them_counts_earlier_trials() -> None:
    plan = plan_of()
    record = replace(score_record(plan.studies[0], 0, 1, {}, 50.0), timing={"seconds": 1800.0})
    assert budget_of(plan, LaunchOptions(grid="small"), [record]) is None
    budget = budget_of(plan, LaunchOptions(grid="small", budget_gpu_hours=2.0), [record])
    assert budget is not None
    assert (budget.spent(), budget.left_hours()) == (0.5, 1.5)


def test_gpu_hours_are_those_of_each_trials_share() -> None:
    """Two legs of an hour each, one on a whole GPU and one on a quarter."""
    board, budget, clock = _budget(Limits(gpu_hours=100.0), text=ONE_EPOCH + "resources: {device: cuda}\n")
    plan = budget.costs.plan
    small = study_of(plan, "mini.none.mini_udpos")
    budget.costs.plan = replace(plan, shares={study.label: 0.25 if study == small else 1.0 for study in plan.studies})
    spent = []
    for spec in (small, study_of(plan, "mini.mini_nli.mini_udpos")):
        ask = Ask(spec, 0, 1, {}, spec.name, ())
        budget.started(ask)
        clock.now += 3600
        spent.append(budget.spent())
        budget.ended(ask)
        spent.append(budget.spent())
    assert spent == [0.25, 0.25, 1.25, 1.25]
    assert board.finished is False


def test_budget_that_is_too_small_names_the_command_that_measures_this_very_grid(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    options = LaunchOptions(grid="./my grid.yaml", data=Path("data"), budget_gpu_hours=1e-9)
    budget = budget_of(plan, options, [])
    assert budget is not None
    board = Board.open(plan, optuna.storages.InMemoryStorage(), [], index=MemoryIndex(), gates=(budget,))
    assert board.next() is None
    fault = budget.fault()
    assert fault is not None
    assert fault.remedy.endswith("sweep plan --grid './my grid.yaml' --data data --calibrate 60")
