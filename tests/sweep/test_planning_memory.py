"""The estimate of a trial's memory against what torch keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from sweep.planning import memory
from sweep.planning.memory import Shape, check_memory, memory_of
from sweep.preflight import check_fits
from tests.sweep.plans import SMALL, plan_of, study_of
from training.checkpoint import Position, snapshot
from training.errors import UserError
from training.models.carry import ChainModel


def kept_bytes(shape: Shape, rows: int, length: int) -> int:
    """What torch saves for the backward pass of an encoder, besides its parameters."""
    drop = 0.1 if shape.dropout else 0.0
    config = XLMRobertaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=length + 2,
        hidden_dropout_prob=drop,
        attention_probs_dropout_prob=drop,
    )
    model = XLMRobertaModel(config, add_pooling_layer=False).train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.randint(3, shape.vocabulary, (rows, length))
    mask = torch.ones_like(ids)
    mask[0, -1] = 0
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(input_ids=ids, attention_mask=mask)
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values())


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(
    ("layers", "width", "inner", "heads", "rows", "length"),
    [(1, 64, 256, 4, 4, 64), (3, 64, 256, 4, 4, 64), (2, 128, 256, 8, 2, 96), (2, 64, 512, 2, 8, 32)],
)
def test_estimate_of_activations_is_what_torch_keeps(
    dropout: bool, layers: int, width: int, inner: int, heads: int, rows: int, length: int
) -> None:
    shape = Shape(layers, width, inner, heads, 500, 0, dropout)
    estimate = 4 * rows * length * shape.token_numbers(length, fused=False)
    assert 0.97 <= estimate / kept_bytes(shape, rows, length) <= 1.03


def test_state_is_that_of_training_and_the_copy_that_a_checkpoint_is_written_from(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    found = memory_of(plan, study_of(plan, "mini.none.mini_udpos"))
    parameters = memory.shape_of(plan, "mini").parameters
    model = ChainModel(torch.nn.Linear(100, 100), {})
    optimiser = torch.optim.AdamW(model.parameters())
    torch.autograd.backward(model.backbone(torch.ones(100)).sum())
    optimiser.step()
    held = sum(2 * value.numel() for value in model.parameters())
    held += sum(state[name].numel() for state in optimiser.state.values() for name in ("exp_avg", "exp_avg_sq"))
    copy = snapshot(model, optimiser, Position(step=1), copied=True)
    held += sum(value.numel() for value in copy.tensors.values() if value.ndim)
    assert found.state / parameters == held * 4 / sum(value.numel() for value in model.parameters())


def test_smaller_micro_batches_need_less_and_the_same_state(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    spec = study_of(plan, "mini.mini_nli.mini_udpos")
    whole, one = memory_of(plan, spec), memory_of(plan, spec, micro_batch=1)
    assert whole.activations == pytest.approx(32 * one.activations, rel=1e-6)
    assert (whole.state, whole.rest) == (one.state, one.rest)


def test_trial_that_fits_no_single_example_is_refused_with_the_numbers(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    spec = study_of(plan, "mini.none.mini_udpos")
    need = memory_of(plan, spec, micro_batch=1)
    check_memory(plan, spec, need.total * 2, "this machine")
    with pytest.raises(UserError, match="need more memory than there is") as fault:
        check_memory(plan, spec, need.state, "a GPU of 1 GB")
    assert "on a GPU of 1 GB" in str(fault.value)


def test_machine_with_too_little_memory_for_a_trial_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    check_fits(plan, [{"CPU": 2.0}])
    check_fits(plan, [{"memory": 1e9}, {"memory": 1e12}])
    with pytest.raises(UserError, match="need more memory than there is"):
        check_fits(plan, [{"memory": 1e9}])


def test_large_model_needs_what_is_known_of_it(tmp_path: Path) -> None:
    """XLM-R Large: 560 million parameters, 8.9 GB of state; its activations at batch 32 and length 128 fit a GPU of 24 GB."""
    large = Shape(24, 1024, 4096, 16, 250_002, 559_890_432, True)
    plan = plan_of(SMALL, tmp_path)
    spec = study_of(plan, "mini.none.mini_udpos")
    cuda = plan.grid.resources.model_copy(update={"device": "cuda", "gpu": 1.0})
    unpretrained = {name: model.model_copy(update={"pretrain": None}) for name, model in plan.grid.models.items()}
    grid = plan.grid.model_copy(update={"resources": cuda, "models": unpretrained})
    with patch.object(memory, "shape_of", lambda plan, model: large):
        found = memory_of(replace(plan, grid=grid), spec)
    assert found.state == pytest.approx(8.96e9, rel=0.01)
    assert 2e9 < found.activations < 13e9
