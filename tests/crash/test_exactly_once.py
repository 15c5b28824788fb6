"""The checks of the crash tests see what they are there for, and a seed draws the same strokes again."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.crash.exactly_once import seen
from tests.crash.orders import MOMENTS, draw

TRAINED: list[dict[str, Any]] = [
    {"event": "begun", "pid": 1, "key": "a"},
    {"event": "step", "pid": 1, "key": "a", "step": 1},
    {"event": "saved", "pid": 1, "key": "a", "step": 1},
    {"event": "step", "pid": 1, "key": "a", "step": 2},
    {"event": "struck", "pid": 1},
    {"event": "begun", "pid": 2, "key": "a"},
    {"event": "step", "pid": 2, "key": "a", "step": 2},
    {"event": "published", "pid": 2, "key": "a"},
    {"event": "recorded", "pid": 2, "trial": "t"},
]


def test_phase_that_goes_on_from_its_checkpoint_is_no_fault_and_its_repeated_steps_are_counted() -> None:
    found = seen(TRAINED)
    assert found.faults == [] and found.repeated == 1 and len(found.steps) == 2


def test_checkpoint_whose_event_was_lost_in_a_kill_is_no_fault() -> None:
    assert seen([line for line in TRAINED if line["event"] != "saved"]).faults == []


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ([{"event": "begun", "pid": 3, "key": "a"}], "a was trained after it was published"),
        ([{"event": "published", "pid": 3, "key": "a"}], "a was published twice"),
        ([{"event": "recorded", "pid": 3, "trial": "t"}], "t was recorded twice"),
    ],
)
def test_what_is_done_twice_is_a_fault(more: list[dict[str, Any]], fault: str) -> None:
    assert seen([*TRAINED, *more]).faults == [fault]


def test_phase_that_begins_before_its_checkpoint_is_a_fault() -> None:
    again = [{"event": "begun", "pid": 2, "key": "a"}, {"event": "step", "pid": 2, "key": "a", "step": 1}]
    assert seen([*TRAINED[:5], *again]).faults == ["a began with step 1, its checkpoint had 1"]


def test_seed_draws_the_same_strokes_again_and_as_many_as_asked_for() -> None:
    numbers = dict.fromkeys(MOMENTS, 20)
    first, again, other = (draw(random.Random(seed), numbers) for seed in (3, 3, 4))
    assert first == again != other
    assert {victim: sum(stroke.victim == victim for stroke in first) for victim in numbers} == numbers
    for stroke in first:
        assert 1 <= stroke.after <= MOMENTS[stroke.victim][stroke.event]
        assert (stroke.calls > 0) == (stroke.victim == "store")
