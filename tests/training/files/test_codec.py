from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training import toy
from training.chain import ChainOutcome
from training.errors import Faults
from training.files.codec import canonical, digest, from_payload, to_payload
from training.identity import ChainIdentity, EvaluationIdentity, Mixing, ModelIdentity, PhaseIdentity, Role, Runtime, TaskUse
from training.learning.checkpoint import Position
from training.record import CarryReport, PhaseTrace, Selection, Status, TargetResult, TrialRecord
from training.stores.store import FileEntry, Manifest

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
COUNT = st.integers(0, 10**9)

phases = st.builds(
    PhaseIdentity,
    role=st.sampled_from(Role),
    tasks=st.lists(
        st.builds(TaskUse, task=TEXT, version=COUNT, head=TEXT, data=TEXT, max_length=COUNT, stride=COUNT), max_size=2
    ).map(tuple),
    lr=NUMBERS,
    epochs=COUNT,
    batch=COUNT,
    seed=COUNT,
    carry_heads=st.booleans(),
    mixing=st.builds(Mixing, cap=COUNT),
)
names = st.lists(TEXT, max_size=2).map(tuple)
traces = st.builds(
    PhaseTrace,
    key=TEXT,
    identity=phases,
    outcome=TEXT,
    seconds=NUMBERS,
    steps=COUNT,
    tokens=COUNT,
    curve=st.lists(st.tuples(COUNT, NUMBERS), max_size=2).map(tuple),
    carry=st.builds(CarryReport, carried=COUNT, dropped=names, initialised=names),
)
selections = st.builds(Selection, task=TEXT, split=TEXT, language=TEXT, metric=TEXT, score=NUMBERS, oracle=st.booleans())
results = st.builds(
    TargetResult,
    task=TEXT,
    split=TEXT,
    languages=st.dictionaries(TEXT, st.dictionaries(TEXT, NUMBERS, max_size=2), max_size=2),
    examples=st.dictionaries(TEXT, COUNT, max_size=2),
    mean=NUMBERS,
    mean_non_english=st.none() | NUMBERS,
    synthetic=st.booleans(),
    layer=st.none() | COUNT,
    pooling=st.none() | TEXT,
)
some = st.lists(traces, max_size=2).map(tuple)
outcomes = st.builds(
    ChainOutcome,
    phases=some,
    selection=st.none() | selections,
    results=st.lists(results, max_size=2).map(tuple),
    timing=st.dictionaries(TEXT, NUMBERS, max_size=2),
    damaged=names,
)
records = st.builds(
    TrialRecord,
    schema=COUNT,
    trial=TEXT,
    chain=TEXT,
    grid=TEXT,
    model=TEXT,
    intermediate=TEXT,
    targets=names,
    study=TEXT,
    number=COUNT,
    seed=COUNT,
    status=st.sampled_from(Status),
    hyperparameters=st.dictionaries(TEXT, NUMBERS, max_size=2),
    phases=some,
    selection=st.none() | selections,
    results=st.lists(results, max_size=2).map(tuple),
    provenance=st.dictionaries(TEXT, TEXT, max_size=2),
)
evaluations = st.builds(
    EvaluationIdentity,
    task=TEXT,
    version=COUNT,
    split=TEXT,
    languages=names,
    data=TEXT,
    max_length=COUNT,
    stride=COUNT,
    layer=st.none() | COUNT,
    pooling=st.none() | TEXT,
)
models = st.builds(ModelIdentity, name=TEXT, config=TEXT, tokenizer=TEXT, weights=TEXT, seed=COUNT)
chains = st.builds(
    ChainIdentity,
    model=models,
    phases=st.lists(phases, max_size=2).map(tuple),
    selection=st.lists(evaluations, max_size=2).map(tuple),
    evaluations=st.lists(evaluations, max_size=2).map(tuple),
)
positions = st.builds(Position, step=COUNT, seconds=NUMBERS, curve=st.lists(st.tuples(COUNT, NUMBERS), max_size=2).map(tuple))
manifests = st.builds(Manifest, st.dictionaries(TEXT, st.builds(FileEntry, sha256=TEXT, size=COUNT), max_size=2))
runtimes = st.builds(Runtime, device=TEXT, threads=COUNT, checkpoint_seconds=NUMBERS)
anything = st.one_of(records, outcomes, chains, positions, manifests, runtimes)


@settings(max_examples=120, deadline=None)
@given(anything)
def test_dataclass_of_any_kind_comes_back_as_it_was(value: Any) -> None:
    payload = json.loads(canonical(value))
    back = from_payload(type(value), payload, "it")
    assert back == value
    assert canonical(back) == canonical(value)


@given(st.dictionaries(TEXT, st.dictionaries(TEXT, COUNT, max_size=3), max_size=4), st.randoms())
def test_canonical_does_not_depend_on_the_order_of_keys(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert canonical({key: value[key] for key in keys}) == canonical(value)
    assert digest({key: value[key] for key in keys}) == digest(value)


def test_canonical_whole_number_in_a_real_field_equals_the_real_one() -> None:
    assert digest(toy.phase(lr=1)) == digest(toy.phase(lr=1.0))
    assert digest(toy.phase(weight_decay=0)) == digest(toy.phase(weight_decay=-0.0)) == digest(toy.phase(weight_decay=0.0))
    assert canonical(toy.phase(epochs=1)).count(b'"epochs":1,') == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, {"a": {3}}, b"x", object(), {1: "x"}, complex(1, 2)])
def test_canonical_value_without_a_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_canonical_is_utf8_without_white_space() -> None:
    assert canonical({"b": "ü", "a": [1, 2.5, None, True], "r": Role.TARGET}) == (
        '{"a":[1,2.5,null,true],"b":"ü","r":"target"}'.encode()
    )


@dataclass(frozen=True)
class Inner:
    count: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    inner: Inner
    pair: tuple[int, float]
    role: Role
    real: float
    maybe: int | None = None
    many: dict[str, Inner] = field(default_factory=dict)


def test_from_payload_wrong_in_many_fields_names_them_all_at_once() -> None:
    payload = {
        "inner": {"count": "three", "names": ["a", 4], "surprise": 1, "another": 2},
        "pair": [1],
        "role": "tariff",
        "real": math.nan,
        "maybe": True,
        "many": {"x": {"count": 1.5}, "y": []},
    }
    with pytest.raises(Faults) as caught:
        from_payload(Outer, payload, "the file")
    causes = [fault.cause for fault in caught.value.faults]
    assert causes == [
        "inner.another: unknown field",
        "inner.surprise: unknown field",
        "inner.count: must be int",
        "inner.names[1]: must be str",
        "pair: must have 2 items",
        "role: must be one of pretrain, intermediate, target",
        "real: must be a finite number",
        "maybe: must be int",
        "many.x.count: must be int",
        "many.y: must be an object",
    ]
    assert "10 faults in the file" in str(caught.value)


def test_from_payload_missing_fields_are_all_named() -> None:
    with pytest.raises(Faults) as caught:
        from_payload(Outer, {"inner": {}}, "it")
    assert [str(fault) for fault in caught.value.faults] == [
        f"{name}: missing field" for name in ("inner.count", "pair", "role", "real")
    ]
    with pytest.raises(Faults, match="must be an object"):
        from_payload(Outer, [], "it")


def test_from_payload_whole_number_is_read_as_real_and_truth_values_are_no_numbers() -> None:
    good = {"inner": {"count": 1}, "pair": [1, 2], "role": "target", "real": 3}
    assert from_payload(Outer, good, "it").real == 3.0
    with pytest.raises(Faults, match="real: must be float"):
        from_payload(Outer, good | {"real": True}, "it")


def test_to_payload_is_plain_json() -> None:
    assert to_payload(Outer(Inner(1, ("a",)), (1, 2.0), Role.TARGET, 1.0)) == {
        "inner": {"count": 1, "names": ["a"]},
        "pair": [1, 2.0],
        "role": "target",
        "real": 1.0,
        "maybe": None,
        "many": {},
    }
