"""The machine's clock is set back or forward while a sweep runs: nothing that lasts is measured with it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from sweep.planning.budget import Budget
from sweep.planning.clock import SteadyClock
from sweep.planning.costs import HOUR
from sweep.planning.limits import Limits
from sweep.trial import LONGEST_WAIT, Clock

DAY = 86_400.0


class Times:
    """The clock that is set and the one that is not, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.run = 1_800_000_000.0, 50.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.run)

    def go_on(self, seconds: float, jump: float = 0.0) -> None:
        """Let `seconds` pass, in which somebody sets the clock by `jump`."""
        self.run += seconds
        self.wall += seconds + jump


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


@pytest.mark.parametrize("jump", [-DAY, -1.0, 1.0, DAY])
def test_steady_clock_shows_the_time_of_its_beginning_and_goes_on_evenly(times: Times, jump: float) -> None:
    clock = SteadyClock()
    first = clock()
    times.go_on(10.0, jump)
    assert (first, clock() - first) == (1_800_000_000.0, 10.0)


@pytest.mark.parametrize("jump", [-400 * DAY, -5.0, 5.0, 400 * DAY])
def test_leg_takes_the_seconds_that_it_took(times: Times, jump: float) -> None:
    clock = Clock(asked=times.wall - 3.0)
    times.go_on(60.0, jump)
    assert clock.seconds() == 63.0


@pytest.mark.parametrize("jump", [-400 * DAY, -5.0, 400 * DAY])
def test_wait_for_a_worker_whose_clock_is_another_is_never_negative_or_huge(times: Times, jump: float) -> None:
    asked = times.wall
    times.go_on(2.0, jump)
    clock = Clock(asked)
    times.go_on(7.0)
    assert clock.waited == 0.0 and clock.seconds() == 7.0
    assert clock.waited <= LONGEST_WAIT


@pytest.mark.parametrize("jump", [-DAY, -1800.0, 1800.0, DAY])
def test_deadline_and_budget_hold_when_the_clock_is_set(times: Times, jump: float) -> None:
    costs: Any = SimpleNamespace(gpus=lambda spec: 1.0, leg=lambda ask: SimpleNamespace(low=500.0, likely=600.0, high=700.0))
    budget = Budget(Limits(gpu_hours=None, max_cost=None, price=None, deadline=times.wall + 3600.0), costs)
    first, second = (SimpleNamespace(leg=name, name=name, spec=None) for name in ("first", "second"))
    assert budget.admits(first)
    budget.started(first)
    times.go_on(600.0, jump)
    assert budget.spent() * HOUR == pytest.approx(600.0)
    budget.ended(first)
    assert budget.spent() * HOUR == pytest.approx(600.0)
    assert budget.admits(second)
    times.go_on(2600.0, jump)
    assert not budget.admits(second)
