"""The canonical text: what `json.dumps` writes of a value's payload, byte for byte."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from training.files.codec import canonical, digest_of, to_payload
from training.files.writing import text_of, text_without
from training.identity import WSD, PhaseIdentity, Role, TaskUse, phase_key, trunk_key


class _Colour(StrEnum):
    RED = "red"


class _Count(IntEnum):
    TWO = 2


class _Size(Enum):
    LARGE = "größer"


class _Place(NamedTuple):
    name: str
    at: float


class _Word(str):
    pass


class _Real(float):
    pass


@dataclass(frozen=True)
class _One:
    b: float
    a: int | float | None = None
    z: object = None
    c: Mapping[str, float] = field(default_factory=dict)
    d: tuple[float, ...] = ()


scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from([_Colour.RED, _Count.TWO, _Size.LARGE, _Word("wort"), _Real(-0.0), _Real(2.5), _Place("x", 1)]),
)
numbers = st.one_of(st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
keys = st.one_of(st.text(max_size=5), st.sampled_from([_Colour.RED, _Size.LARGE]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
        st.dictionaries(keys, inner, max_size=3).map(MappingProxyType),
        st.builds(_One, b=numbers, a=st.none() | numbers, z=inner, d=st.lists(numbers, max_size=2).map(tuple)),
    ),
    max_leaves=12,
)


@given(values)
@example({'\ud7ff\U0001f600\x7f\u2028"\\\n': -0.0})
def test_text_is_what_json_writes_of_the_payload(value: Any) -> None:
    expected = json.dumps(to_payload(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    assert text_of(value) == expected
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize("value", [float("nan"), _Real("inf"), {1, 2}, [b"x"], {"a": object()}, {1: "x"}, _One, _One(b=1j)])
def test_value_without_a_canonical_form_is_refused_by_both(value: object) -> None:
    for write in (text_of, to_payload):
        with pytest.raises(TypeError):
            write(value)


def test_fields_can_be_left_out() -> None:
    assert text_without(_One(b=1, a=2), ("z", "c")) == '{"a":2.0,"b":1.0,"d":[]}'


def _phase(schedule: str) -> PhaseIdentity:
    use = TaskUse(task="t", version=1, head="h", data="d", max_length=8, stride=0)
    return PhaseIdentity(role=Role.TARGET, tasks=(use,), lr=1e-5, epochs=3, batch=8, seed=1, schedule=schedule)


@pytest.mark.parametrize("schedule", ["linear", WSD])
def test_keys_are_digests_of_the_deciding_fields(schedule: str) -> None:
    fields = to_payload(_phase(schedule))
    if schedule != WSD:
        del fields["decay"]
    for key, what, left in ((phase_key, "phase", {}), (trunk_key, "trunk", {"epochs": 0})):
        assert key("parent", _phase(schedule)) == digest_of(canonical({"parent": "parent", what: fields | left}))
