"""The quick way of reading a payload and the one that names every fault agree on what fits, and on what it becomes."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reports.builders import record
from training.errors import UserError
from training.files.building import Misfit, builder
from training.files.codec import _build, from_payload, to_payload
from training.record import Status, TrialRecord

STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.just([]), st.just({}), st.just("stopped")
)


def places(payload: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a payload."""
    inside = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))][:400]


TRIAL = record("mnli", {"xnli": 60.0}, status=Status.FINISHED, rungs=[(10, 40.0)])
WHOLE = to_payload(TRIAL)
PLACES = places(WHOLE)[1:]


def changed(place: tuple[Any, ...], value: Any, how: str) -> Any:
    payload = copy.deepcopy(WHOLE)
    *way, last = place
    spot = payload
    for key in way:
        spot = spot[key]
    if how == "replace":
        spot[last] = value
    elif how == "remove":
        del spot[last]
    elif isinstance(spot, dict):
        spot["another"] = value
    else:
        spot.append(value)
    return payload


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), STRANGE, st.sampled_from(["replace", "remove", "add"]))
def test_quick_reading_takes_what_the_thorough_one_takes(place: tuple[Any, ...], value: Any, how: str) -> None:
    payload = changed(place, value, how)
    faults: list[UserError] = []
    thorough = _build(TrialRecord, payload, "", faults)
    try:
        quick = builder(TrialRecord)(payload)
    except Misfit:
        assert faults
    else:
        assert not faults and quick == thorough == from_payload(TrialRecord, payload, "a record")


def test_quick_reading_gives_back_what_was_written() -> None:
    assert builder(TrialRecord)(WHOLE) == TRIAL
