"""Long phases go to machines that stay when the others don't last: the rule, the mailbox that follows it, and what is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.elastic.lasting import LEAST, Exposure, goes_to_steady, read_exposure, remaining, with_steady, write_exposure
from sweep.elastic.nodes import NodeType, Offer
from sweep.elastic.watching import Watched, steady_places
from sweep.executors import mailbox
from sweep.executors.mailbox import DRY, MOVE, Mailbox

SPOT, STAYS = {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 1.0, "on_demand": 1.0}
HOUR = 3600.0
LONG = {"trial": "t", "leg": "t", "seconds": 2 * HOUR}


def test_two_losses_in_five_hours_send_a_phase_of_three_hours_but_not_one_of_an_hour() -> None:
    seen = Exposure(5 * HOUR, 2)
    assert seen.between == 2 * HOUR
    assert goes_to_steady(3 * HOUR, seen) and not goes_to_steady(HOUR, seen)


def test_nothing_is_concluded_from_fewer_losses_than_two() -> None:
    assert Exposure(60.0, LEAST - 1).between == math.inf
    assert not goes_to_steady(1e9, Exposure())


@given(st.floats(1e-3, 1e7), st.integers(LEAST, 1000), st.floats(0, 1e6))
def test_more_work_without_a_loss_never_sends_a_phase_away(seconds: float, losses: int, needed: float) -> None:
    seen = Exposure(seconds, losses)
    assert seen.plus(1000.0).between > seen.between > seen.plus(0.0, 1).between
    assert goes_to_steady(needed, seen) or not goes_to_steady(needed, seen.plus(1000.0))


def test_estimate_that_was_passed_counts_for_as_long_again() -> None:
    assert remaining(100.0, 40.0) == 60.0
    assert remaining(100.0, 500.0) == 500.0


def test_what_was_learned_is_kept_and_a_damaged_file_is_nothing(tmp_path: Path) -> None:
    write_exposure(tmp_path, Exposure(1234.0, 3))
    assert read_exposure(tmp_path) == Exposure(1234.0, 3)
    for text in ("{", '{"seconds": -1, "losses": 2}', '{"seconds": 1e999, "losses": 2}', "[]"):
        (tmp_path / "losses.json").write_text(text)
        assert read_exposure(tmp_path) == Exposure()


def test_machines_that_stay_are_counted_up_or_to_come_and_are_none_where_no_type_says_so() -> None:
    offer = Offer((NodeType("spot", SPOT, 16), NodeType("stays", STAYS, 4)), 16)
    assert steady_places({"CPU": 8.0, "GPU": 0.5}, [], offer) == 4
    assert steady_places({"CPU": 8.0, "GPU": 1.0}, [SPOT, STAYS], None) == 1
    assert steady_places({"CPU": 8.0, "GPU": 1.0}, [SPOT], Offer((NodeType("spot", SPOT, 16),), 16)) == 0
    assert steady_places({"CPU": 9.0}, [STAYS], offer) == 0


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(mailbox, "time", found)
    return found


def talk(call: Callable[[Mailbox], Coroutine[Any, Any, None]], places: int = 1) -> None:
    """A conversation with a mailbox that has the session `s` on spot machines."""

    async def whole() -> None:
        mail = Mailbox()
        await mail.teach(Exposure(), places)
        await mail.open("s", "run-1", 9)
        await call(mail)

    asyncio.run(whole())


async def lose(mail: Mailbox, clock: Clock, seconds: float, session: str = "s", preempted: bool = True) -> None:
    """A worker takes the leg, works on it, and is lost."""
    assert await mail.take(session, "group", 1, 5) is not None
    clock.now += seconds
    await mail.lost(session, "gone", preempted)


@pytest.mark.parametrize("preempted", [True, False])
def test_leg_that_loses_its_machine_again_and_again_is_moved(clock: Clock, preempted: bool) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LONG)
        await lose(mail, clock, 600.0, preempted=preempted)
        assert await mail.collect("s", 0) is None, "one loss says nothing yet"
        await lose(mail, clock, 600.0, preempted=preempted)
        answer = await mail.collect("s", 0)
        assert answer is not None and "2 times" in answer[MOVE]
        assert await mail.exposure() == Exposure(1200.0, 2)

    talk(call)


def test_short_leg_stays_on_machines_that_are_taken_away(clock: Clock) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", {**LONG, "seconds": 1500.0})
        for _ in range(2):
            await lose(mail, clock, 600.0)
        assert await mail.collect("s", 0) is None
        assert not await mail.choose(300.0) and await mail.choose(600.0)

    talk(call)


def test_nothing_moves_where_no_machine_stays(clock: Clock) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LONG)
        for _ in range(5):
            await lose(mail, clock, 60.0)
        assert await mail.collect("s", 0) is None and not await mail.choose(2 * HOUR)

    talk(call, places=0)


def test_sessions_on_machines_that_stay_are_bounded_and_teach_nothing_of_losses(clock: Clock) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.teach(Exposure(1200.0, 2), 1)
        assert await mail.choose(HOUR)
        await mail.open("stays", "run-2", 9, True)
        assert not await mail.choose(HOUR), "its only place is taken"
        await mail.post("stays", LONG)
        assert await mail.steady() == {"t": False}
        await lose(mail, clock, 600.0, "stays")
        assert await mail.collect("stays", 0) is None and await mail.steady() == {"t": True}
        assert await mail.exposure() == Exposure(1200.0, 2)
        await mail.close("stays")
        assert await mail.choose(HOUR)

    talk(call)


def test_leg_that_no_machine_comes_for_goes_back_and_none_is_asked_for_for_a_while(clock: Clock) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.teach(Exposure(1200.0, 2), 2, 100.0)
        await mail.open("stays", "run-2", 9, True)
        await mail.post("stays", LONG)
        clock.now += 99.0
        assert await mail.collect("stays", 0) is None
        clock.now += 2.0
        answer = await mail.collect("stays", 0)
        assert answer is not None and MOVE in answer
        assert not await mail.choose(2 * HOUR)
        clock.now += DRY
        assert await mail.choose(2 * HOUR)

    talk(call)


def test_legs_under_way_count_as_work_without_a_loss(clock: Clock) -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LONG)
        await mail.take("s", "group", 1, 5)
        clock.now += 500.0
        assert await mail.exposure() == Exposure(500.0, 0)
        await mail.answer("s", {"score": 1.0})
        clock.now += 500.0
        assert await mail.exposure() == Exposure(500.0, 0)

    talk(call)


class Remote:
    """A mailbox as Ray shows it: each method's answer is asked for by `remote`."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.taught = answers, ()

    def __getattr__(self, name: str) -> Any:
        def remote(*words: Any) -> Any:
            if name == "teach":
                self.taught = words
            return self.answers.get(name)

        return type("Method", (), {"remote": staticmethod(remote)})


def test_launch_asks_for_machines_that_stay_tells_it_once_and_keeps_what_it_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.get", lambda found, timeout: found)
    write_exposure(tmp_path, Exposure(60.0, 1))
    mail, said = Remote(steady={"t": False}, exposure=Exposure(1200.0, 2)), list[str]()
    watched = Watched(mail, tmp_path, 4, said.append)
    assert mail.taught[:2] == (Exposure(60.0, 1), 4) and not watched.waiting
    watched.look()
    watched.look()
    assert (
        watched.waiting
        and len(said) == 1
        and "t goes to an on-demand machine: 2 machines were lost in 20 min of work" in said[0]
    )
    assert watched.bundles("t", [SPOT]) == [with_steady(SPOT)] and watched.bundles("other", [SPOT]) == [SPOT]
    mail.answers["steady"] = {"t": True}
    watched.close()
    assert not watched.waiting and read_exposure(tmp_path) == Exposure(1200.0, 2)
