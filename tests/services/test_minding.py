"""What the minder does about answers that do not come, with a supervisor and servers that are made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sweep.services.backups import FORMAT
from sweep.services.minding import AGAIN, GRACE, MISSES, Minder
from sweep.services.place import Settings
from sweep.services.probes import Answer
from sweep.services.standing import _is_late


class Supervised:
    """Two programs, and what was done to them."""

    def __init__(self) -> None:
        self.state = dict.fromkeys(("postgres", "mlflow"), "RUNNING")
        self.age, self.done, self.time = GRACE + 1, [], 0.0
        self.faults = dict.fromkeys(("postgres", "mlflow"), "")
        self.minder = Minder(self, self.ask, lambda: self.time)

    def states(self) -> dict[str, dict[str, Any]]:
        return {name: {"statename": state, "now": self.age, "start": 0, "pid": 1} for name, state in self.state.items()}

    def start(self, name: str) -> None:
        self.done.append(f"start {name}")

    def stop(self, name: str) -> None:
        self.done.append(f"stop {name}")

    def ask(self) -> list[Answer]:
        return [Answer(name, fault) for name, fault in self.faults.items()]

    def look(self, times: int) -> list[bool]:
        return [self.minder.look() for _ in range(times)]


def test_server_that_misses_three_times_in_a_row_is_restarted() -> None:
    held = Supervised()
    held.faults["mlflow"] = "timed out"
    held.look(MISSES - 1)
    held.faults["mlflow"] = ""
    held.look(1)
    held.faults["mlflow"] = "timed out"
    held.look(MISSES - 1)
    assert held.done == []
    held.look(1)
    assert held.done == ["stop mlflow", "start mlflow"]


def test_server_that_is_starting_is_left_alone_until_it_has_answered() -> None:
    held = Supervised()
    held.age, held.faults["mlflow"] = GRACE - 1, "refused"
    held.look(MISSES * 2)
    assert held.done == []
    held.faults["mlflow"] = ""
    held.look(1)
    held.faults["mlflow"] = "timed out"
    held.look(MISSES)
    assert held.done == ["stop mlflow", "start mlflow"]


def test_mlflow_is_not_blamed_for_its_database() -> None:
    held = Supervised()
    held.faults = dict.fromkeys(held.faults, "down")
    assert held.look(MISSES) == [False] * MISSES
    assert held.done == ["stop postgres", "start postgres"]


def test_program_that_was_given_up_is_started_again_once_a_minute() -> None:
    held = Supervised()
    held.state["postgres"], held.faults["postgres"] = "FATAL", "no socket"
    held.look(3)
    assert held.done == ["start postgres"]
    held.time = AGAIN
    held.look(3)
    assert held.done == ["start postgres"] * 2


def test_both_that_answer_are_left_alone() -> None:
    held = Supervised()
    assert held.look(5) == [True] * 5 and held.done == []


@pytest.mark.parametrize(("up", "age", "late"), [(50, 50, True), (50, None, True), (50, 10, False), (10, 5000, False)])
def test_backups_are_late_once_there_was_time_for_several(up: int, age: int | None, late: bool) -> None:
    minder = {"statename": "RUNNING", "now": up * 60, "start": 0}
    listed = [] if age is None else [(datetime.now(UTC) - timedelta(minutes=age)).strftime(FORMAT)]
    assert _is_late(minder, listed, Settings(store="s", backup_minutes=15)) is late
