from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.training import toy
from training.errors import ModelError
from training.models.carry import ChainModel, carry_into, from_phase, from_pretrained
from training.models.heads import build_head, head_name
from training.tasks.row import TaskRow

XNLI = replace(toy.NLI, name="other_nli")
THREE_WAY = replace(toy.NLI, name="three", labels=("a", "b", "c"))
NLI_HEAD = tuple(f"heads.nli2.{part}" for part in ("dense.bias", "dense.weight", "out.bias", "out.weight"))
TAGS_HEAD = ("heads.tags.out.bias", "heads.tags.out.weight")


@pytest.fixture
def parent(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> Path:
    """Weights of a phase with the heads `nli2` and `qa`, all moved from where they began."""
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI, toy.QA, seed=7)
    path = tmp_path / "model.safetensors"
    save_file({name: value + 0.5 for name, value in model.state_dict().items()}, str(path))
    return path


def backbone_of(state: dict[str, Tensor]) -> list[str]:
    return [name for name in state if name.startswith("backbone.")]


def test_carry_same_head_comes_over_with_equal_values_and_all_else_is_named(toy_folder: Path, parent: Path) -> None:
    model, report = from_phase(toy_folder, parent, [XNLI, toy.TAGS], seed=1)
    state, before = model.state_dict(), load_file(str(parent))
    for name in (*backbone_of(before), *NLI_HEAD):
        assert torch.equal(state[name], before[name])
    assert report.carried == len(backbone_of(before)) + 4
    assert report.dropped == ("heads.span.out.bias", "heads.span.out.weight")
    assert report.initialised == TAGS_HEAD
    assert set(state) == {*backbone_of(before), *NLI_HEAD, *TAGS_HEAD}


def test_carry_heads_off_leaves_every_head_behind(toy_folder: Path, parent: Path) -> None:
    model, report = from_phase(toy_folder, parent, [XNLI], seed=1, carry_heads=False)
    assert report.initialised == NLI_HEAD
    assert report.dropped == (*NLI_HEAD, "heads.span.out.bias", "heads.span.out.weight")
    before = load_file(str(parent))
    assert not torch.equal(model.state_dict()[NLI_HEAD[3]], before[NLI_HEAD[3]])


def test_carry_head_of_one_name_and_another_shape_is_begun_anew(toy_folder: Path, parent: Path) -> None:
    _, report = from_phase(toy_folder, parent, [THREE_WAY], seed=1)
    assert report.initialised == ("heads.nli2.out.bias", "heads.nli2.out.weight")
    assert set(report.initialised) <= set(report.dropped)


def test_carry_new_head_follows_from_the_seed_and_its_name_alone(toy_folder: Path, parent: Path) -> None:
    def head(seed: int, *rows: TaskRow) -> Tensor:
        torch.manual_seed(99)
        return from_phase(toy_folder, parent, rows, seed=seed)[0].get_parameter("heads.tags.out.weight")

    assert torch.equal(head(1, toy.TAGS), head(1, toy.CHOICE, toy.TAGS))
    assert not torch.equal(head(1, toy.TAGS), head(2, toy.TAGS))


def test_carry_from_a_published_model_reports_its_heads_as_new(toy_folder: Path) -> None:
    model, report = from_pretrained(toy_folder, [toy.TAGS], random=False, model_seed=0, seed=1)
    assert report.carried == len(backbone_of(model.state_dict()))
    assert (report.dropped, report.initialised) == ((), TAGS_HEAD)


def test_carry_of_a_model_without_weights_reports_everything_as_new(toy_folder: Path) -> None:
    model, report = from_pretrained(toy_folder, [toy.TAGS], random=True, model_seed=0, seed=1)
    assert report.carried == 0 and report.initialised == tuple(sorted(model.state_dict()))


def test_carry_from_another_architecture_is_refused(toy_folder: Path, tmp_path: Path, tokenizer: Any) -> None:
    wide, _ = toy.fresh(toy.save_model(tmp_path / "wide", hidden_size=64), tokenizer, toy.NLI)
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ModelError, match=r"not the whole encoder is carried over .*35 of 37 tensors do not fit"):
        carry_into(model, wide.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ModelError, match="nothing is carried over"):
        carry_into(model, {name: value for name, value in model.state_dict().items() if name.startswith("heads.")})


def test_carry_retrieval_and_shared_heads_add_none(toy_folder: Path) -> None:
    model, _ = from_pretrained(toy_folder, [toy.NLI, XNLI, toy.TATOEBA], random=False, model_seed=0, seed=1)
    assert list(model.heads) == ["nli2"]


def outputs(model: ChainModel, row: TaskRow) -> Tensor:
    """Of the states of six tokens."""
    states = model.backbone(input_ids=torch.full((1, 6), 7)).last_hidden_state[0]
    head = model.heads[head_name(row)]
    found: Tensor = head(states, model.embeddings) if row is toy.MLM else head(states)
    return found


@pytest.mark.parametrize(
    ("row", "shape"),
    [(toy.NLI, (6, 2)), (toy.CHOICE, (6, 1)), (toy.TAGS, (6, 3)), (toy.QA, (6, 2)), (toy.MLM, (6, None))],
    ids=lambda value: getattr(value, "name", ""),
)
def test_head_of_every_kind_has_its_shape(toy_folder: Path, tokenizer: Any, row: TaskRow, shape: tuple[Any, ...]) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, row)
    assert outputs(model, row).shape == tuple(vocabulary.size if part is None else part for part in shape)


def test_head_dropout_is_the_configuration_s_own_for_heads_else_the_encoder_s(tmp_path: Path) -> None:
    def dropout(name: str, **chances: Any) -> float:
        folder = toy.save_model(tmp_path / name, **chances)
        return float(from_pretrained(folder, [toy.NLI], random=False, model_seed=0, seed=1)[0].heads["nli2"].dropout.p)

    assert dropout("a", hidden_dropout_prob=0.25) == 0.25
    assert dropout("b", hidden_dropout_prob=0.25, classifier_dropout=0.0) == 0.0
    assert dropout("c", hidden_dropout_prob=0.0, classifier_dropout=0.4) == 0.4


def test_head_dropout_is_off_when_the_model_is_evaluated(dropout_folder: Path, tokenizer: Any) -> None:
    model, _ = toy.fresh(dropout_folder, tokenizer, toy.NLI)
    assert not torch.equal(outputs(model.train(), toy.NLI), outputs(model, toy.NLI))
    assert torch.equal(outputs(model.eval(), toy.NLI), outputs(model, toy.NLI))


def test_head_of_a_retrieval_task_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no head"):
        build_head(toy.TATOEBA, 32, 10, 0.0)
