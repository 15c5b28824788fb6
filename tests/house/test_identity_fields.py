"""Every field is known to bear identity, or known not to: a new one fails here until it is put in its place.

A field that bears identity changes the weights or the scores, and so the key of what is stored; one that does not must never
enter a key. Adding one to the first list makes everything stored so far unknown.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import training.identity
from training.identity import Adapter, Mixing, ModelIdentity, PhaseIdentity, Role, TaskUse, phase_key

IDENTITY = {
    "ModelIdentity": {"name", "config", "tokenizer", "weights", "seed"},
    "TaskUse": {"task", "version", "head", "data", "max_length", "stride", "languages", "examples"},
    "Mixing": {"kind", "cap", "temperature", "weights", "alpha", "batches", "loss_scaling"},
    "Adapter": {"kind", "rank", "alpha", "dropout", "targets"},
    "PhaseIdentity": {
        *("role", "tasks", "lr", "epochs", "batch", "seed", "schedule", "warmup", "weight_decay", "adam_eps", "clip"),
        *("decay", "carry_heads", "mask_rate", "length_pool", "mixing", "numerics", "attention_dropout", "precision"),
        "adapter",
    },
    "EvaluationIdentity": {"task", "version", "split", "languages", "data", "max_length", "stride", "layer", "pooling"},
    "ChainIdentity": {"model", "phases", "selection", "evaluations"},
}
RUNTIME = {
    "Runtime": {
        *("device", "threads", "micro_batch", "checkpoint_seconds", "evaluation_tokens", "packed", "compact", "share"),
        *("graphs", "workers"),
    }
}


def _classes() -> dict[str, type]:
    """Every dataclass that the module defines, by name."""
    return {
        name: value
        for name, value in vars(training.identity).items()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == training.identity.__name__
    }


def test_every_field_is_classified_as_identity_or_runtime() -> None:
    found = {name: {item.name for item in dataclasses.fields(kind)} for name, kind in _classes().items()}
    assert found == IDENTITY | RUNTIME


def test_identity_holds_no_runtime() -> None:
    for name in IDENTITY:
        for item in dataclasses.fields(_classes()[name]):
            assert "Runtime" not in str(item.type)


_USE = TaskUse(task="mnli", version=1, head="nli3", data="d", max_length=128, stride=0)
_PHASE = PhaseIdentity(role=Role.TARGET, tasks=(_USE,), lr=1e-5, epochs=2, batch=32, seed=1, schedule="wsd")


@pytest.mark.parametrize("field", sorted(IDENTITY["PhaseIdentity"]))
def test_another_value_of_a_phase_field_is_another_key(field: str) -> None:
    other = dataclasses.replace(_PHASE, **{field: _another(getattr(_PHASE, field))})
    assert phase_key("parent", other) != phase_key("parent", _PHASE)
    assert phase_key("other parent", _PHASE) != phase_key("parent", _PHASE)


@pytest.mark.parametrize("field", sorted(IDENTITY["TaskUse"]))
def test_another_value_of_a_task_s_use_is_another_key(field: str) -> None:
    use = dataclasses.replace(_USE, **{field: _another(getattr(_USE, field))})
    assert phase_key("parent", dataclasses.replace(_PHASE, tasks=(use,))) != phase_key("parent", _PHASE)


@pytest.mark.parametrize("field", sorted(IDENTITY["Adapter"]))
def test_another_value_of_an_adapter_s_field_is_another_key(field: str) -> None:
    phase = dataclasses.replace(_PHASE, adapter=Adapter())
    other = dataclasses.replace(Adapter(), **{field: _another(getattr(Adapter(), field))})
    assert phase_key("parent", dataclasses.replace(phase, adapter=other)) != phase_key("parent", phase)


def test_name_of_a_model_is_no_part_of_its_key() -> None:
    model = ModelIdentity(name="a", config="c", tokenizer="t", weights="w")
    assert dataclasses.replace(model, name="b").key == model.key
    for field in IDENTITY["ModelIdentity"] - {"name"}:
        assert dataclasses.replace(model, **{field: _another(getattr(model, field))}).key != model.key


def _another(value: Any) -> Any:
    """A value of the same type that is not the same."""
    if isinstance(value, Role):
        return Role.PRETRAIN
    if isinstance(value, Mixing):
        return dataclasses.replace(value, cap=value.cap + 1)
    if value is None:
        return Adapter()
    if isinstance(value, tuple):
        return (*value, *value)
    return not value if isinstance(value, bool) else value + ("x" if isinstance(value, str) else 1)
