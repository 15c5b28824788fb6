from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from tests.training import toy
from training.identity import (
    ChainIdentity,
    EvaluationIdentity,
    ModelIdentity,
    PhaseIdentity,
    Role,
    Runtime,
    TaskUse,
    phase_key,
)

MODEL = ModelIdentity(name="xlmr", config="c", tokenizer="t", weights="w")
MNLI = TaskUse(task="mnli", version=1, head="nli3", data="0123", max_length=128, stride=0)
GOLDEN = ("bc9dc35f920f454a", "06516f52efcad2c3", "e957dde2b996f2de", "85ecbb7675f578a5")
SQUAD = TaskUse(task="squad_v1", version=1, head="span", data="4567", max_length=384, stride=128)


def trained(*uses: TaskUse, role: Role = Role.TARGET, **changes: Any) -> PhaseIdentity:
    values: dict[str, Any] = {"lr": 1e-5, "epochs": 2, "batch": 32, "seed": 1}
    return PhaseIdentity(role=role, tasks=uses, **(values | changes))


def measured(task: str, **changes: Any) -> EvaluationIdentity:
    values: dict[str, Any] = {"version": 1, "split": "test", "languages": ("en", "de"), "data": "89ab"}
    return EvaluationIdentity(task=task, max_length=384, stride=128, **(values | changes))


def chain(*phases: PhaseIdentity, evaluations: tuple[EvaluationIdentity, ...] = ()) -> ChainIdentity:
    return ChainIdentity(model=MODEL, phases=phases, selection=(), evaluations=evaluations)


def test_keys_are_those_of_earlier_versions() -> None:
    """Another value here makes every stored phase unknown: raise NUMERICS_VERSION knowingly, or mend the change."""
    found = chain(trained(MNLI, role=Role.INTERMEDIATE), trained(SQUAD), evaluations=(measured("xquad"),))
    assert (found.model.key, *found.phase_keys, found.key) == GOLDEN


def test_phase_key_depends_on_the_parent_and_so_on_every_phase_before() -> None:
    one = chain(trained(MNLI, role=Role.INTERMEDIATE), trained(SQUAD))
    other = chain(trained(MNLI, role=Role.INTERMEDIATE, seed=2), trained(SQUAD))
    assert one.phase_keys[1] != other.phase_keys[1]
    assert one.weights_key == one.phase_keys[1] == phase_key(one.phase_keys[0], trained(SQUAD))
    assert chain().weights_key == MODEL.key


def test_targets_that_learn_from_one_row_share_its_phase() -> None:
    xquad = chain(trained(MNLI, role=Role.INTERMEDIATE), trained(SQUAD), evaluations=(measured("xquad"),))
    mlqa = chain(trained(MNLI, role=Role.INTERMEDIATE), trained(SQUAD), evaluations=(measured("mlqa", split="dev"),))
    assert xquad.phase_keys == mlqa.phase_keys
    assert xquad.key != mlqa.key


@pytest.mark.parametrize("item", [item.name for item in fields(EvaluationIdentity)])
def test_chain_key_changes_with_every_field_of_an_evaluation(item: str) -> None:
    one = measured("xquad", layer=1, pooling="mean")
    value = getattr(one, item)
    changed: Any = {item: value + 1 if isinstance(value, int) else value * 2}
    other = replace(one, **changed)
    before, after = chain(trained(SQUAD), evaluations=(one,)), chain(trained(SQUAD), evaluations=(other,))
    assert before.key != after.key and before.phase_keys == after.phase_keys
    assert replace(before, evaluations=(), selection=(one,)).key != replace(before, evaluations=(), selection=(other,)).key


def test_runtime_has_no_place_in_any_key() -> None:
    """No function that makes a key can be given one, and none is a field of what they are given."""
    for kind in (ModelIdentity, PhaseIdentity, EvaluationIdentity, ChainIdentity, TaskUse):
        assert not any(
            isinstance(getattr(kind, item.name, None), Runtime) or "Runtime" in str(item.type) for item in fields(kind)
        )


def test_phase_name_says_what_is_trained_and_how() -> None:
    assert trained(MNLI).name == "mnli-lr1e-05-ep2-s1"
    assert toy.phase(toy.NLI, toy.QA, lr=0.25).name == "nli+qa-lr0.25-ep1-s1"
