"""The estimate of a trial's memory against what torch keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from transformers import (
    BloomConfig,
    LlamaConfig,
    ModernBertConfig,
    MT5Config,
    Qwen2Config,
    T5Config,
    XGLMConfig,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaXLConfig,
)

from search_spaces.schema import AdapterChoice
from sweep.planning import memory
from sweep.planning.architecture import KNOWN, Architecture
from sweep.planning.counting import counted, kept
from sweep.planning.gpus import GB
from sweep.planning.memory import Change, Shape, memory_of, shape_from
from sweep.planning.plan import Plan
from sweep.planning.preflight import check_fits
from sweep.planning.remedies import LORA, check_memory, what_fits
from tests.sweep.plans import SMALL, plan_of, study_of
from tests.training import toy
from training.errors import UserError
from training.identity import Adapter
from training.learning.checkpoint import Position, snapshot
from training.models.adapters import adapted
from training.models.attention import set_attention_dropout
from training.models.backbone import build_backbone
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


XL = Architecture(36, 2560, 10_240, 250_880, heads=32)


def on_gpus(plan: Plan, **training: Any) -> Plan:
    """A plan of GPU trials of a published model in place of the mini world's."""
    resources = plan.grid.resources.model_copy(update={"device": "cuda", "gpu": 1.0})
    models = {name: model.model_copy(update={"pretrain": None}) for name, model in plan.grid.models.items()}
    changed = plan.grid.training.model_copy(update=training)
    return replace(plan, grid=plan.grid.model_copy(update={"resources": resources, "models": models, "training": changed}))


def refused(plan: Plan, shape: Shape, available: float) -> str:
    with patch.object(memory, "shape_of", lambda plan, model: shape), pytest.raises(UserError) as fault:
        check_memory(plan, study_of(plan, "mini.none.mini_udpos"), available, "a GPU")
    return str(fault.value)


def test_trial_of_a_model_that_is_too_large_is_refused_with_what_would_fit(tmp_path: Path) -> None:
    """XLM-R XL trains whole in 57 GB; with an adapter it holds 3.5 billion weights once."""
    shape, plan = shape_from(XL), on_gpus(plan_of(SMALL, tmp_path))
    said = refused(plan, shape, 39 * GB)
    assert "about 53.8 GB" in said and "`training.adapter: {kind: lora}` (15.1 GB)" in said
    assert "H100 (79.1 GB)" in said and "A10 " not in said
    assert "google/mt5-xl (the largest model that is known to fit)" in said and "max_length" not in said
    said = refused(plan, shape, 12 * GB)
    assert "training.adapter" not in said and "bfloat16" not in said and "largest model" in said


def test_every_remedy_of_a_refusal_fits(tmp_path: Path) -> None:
    plan = on_gpus(plan_of(SMALL, tmp_path))
    spec, shape = study_of(plan, "mini.none.mini_udpos"), shape_from(XL)
    with patch.object(memory, "shape_of", lambda plan, model: shape):
        need = memory_of(plan, spec, micro_batch=1).total
        for change in (Change(adapter=LORA), Change(adapter=LORA, precision="bfloat16"), Change(longest=32)):
            assert memory_of(plan, spec, micro_batch=1, change=change).total < need
        listed = list(what_fits(plan, spec, need - 1))
        assert any("training.adapter" in line for line in listed) and any("max_length" in line for line in listed)
    adapted = on_gpus(plan, adapter=AdapterChoice())
    with patch.object(memory, "shape_of", lambda plan, model: shape):
        check_memory(adapted, study_of(adapted, "mini.none.mini_udpos"), 39 * GB, "a GPU")


def test_adapter_s_state_is_the_weights_once_and_little_more(tmp_path: Path) -> None:
    toy.config().save_pretrained(tmp_path)
    chain = ChainModel(build_backbone(tmp_path, 0), {})
    with adapted(chain, toy.phase(toy.NLI, adapter=LORA)):
        trained = sum(item.numel() for item in chain.parameters() if item.requires_grad)
    known = Architecture(2, 32, 64, 100)
    assert known.adapter_weights(LORA) == trained
    for shape in (shape_from(known), replace(shape_from(known), folder=tmp_path)):
        assert memory.trained_numbers(shape, LORA) == trained + 32**2 + 100
        assert memory.trained_numbers(shape, None) == known.parameters


MINIATURES = {
    "llama": LlamaConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, intermediate_size=160),
    "qwen2": Qwen2Config(hidden_size=64, num_attention_heads=4, num_key_value_heads=1, intermediate_size=160),
    "t5": T5Config(d_model=64, d_kv=16, num_heads=4, d_ff=160),
    "mt5": MT5Config(d_model=64, d_kv=16, num_heads=4, d_ff=160),
    "bloom": BloomConfig(hidden_size=64, n_head=4),
    "xglm": XGLMConfig(d_model=64, attention_heads=4, ffn_dim=160),
    "modernbert": ModernBertConfig(hidden_size=64, num_attention_heads=4, intermediate_size=160, pad_token_id=1),
    "xlm-roberta": XLMRobertaConfig(hidden_size=64, num_attention_heads=4, intermediate_size=160, max_position_embeddings=80),
}
DEPTH = {"t5": "num_layers", "mt5": "num_layers", "bloom": "n_layer", "xglm": "num_layers"}


@pytest.mark.parametrize("kind", MINIATURES)
@pytest.mark.parametrize("adapter", [None, pytest.param(LORA, marks=pytest.mark.slow)], ids=["whole", "adapter"])
def test_what_a_family_keeps_is_counted_as_torch_saves_it(tmp_path: Path, kind: str, adapter: Adapter | None) -> None:
    """At another depth and number of rows than those that were counted; and the bound for where there is no folder holds."""
    config = MINIATURES[kind]
    config.vocab_size, config.use_cache = 90, False
    setattr(config, DEPTH.get(kind, "num_hidden_layers"), 4)
    config = type(config)(**{**config.to_dict(), **({"layer_types": None} if kind in ("qwen2", "modernbert") else {})})
    config.save_pretrained(tmp_path)
    phase = toy.phase(toy.NLI, adapter=adapter)
    found = kept(tmp_path, phase, 32, 4)
    whole = build_backbone(tmp_path, 0)
    assert (sizes := counted(tmp_path)) is not None and sizes.parameters == sum(item.numel() for item in whole.parameters())
    encoder = whole.get_encoder() if config.is_encoder_decoder and hasattr(whole, "decoder") else whole
    set_attention_dropout(encoder, 0.0)
    chain = ChainModel(encoder.train(), {})
    with adapted(chain, phase):
        saved = saved_bytes(encoder, 3, 32)
    assert found is not None and 0.98 <= (found.once + 3 * found.row) / saved <= 1.02
    bound = Shape(4, 64, config.hidden_size * 4 if kind == "bloom" else 160, 4, 90, 0, True, alike=False, gated=kind != "xglm")
    assert 3 * 32 * 4 * bound.token_numbers(32, fused=True) >= saved


def saved_bytes(encoder: torch.nn.Module, rows: int, length: int) -> int:
    own = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    found: dict[int, torch.Tensor] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            found[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    ids = torch.randint(3, 90, (rows, length))
    mask = torch.ones_like(ids)
    mask[0, -1] = 0
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        encoder(input_ids=ids, attention_mask=mask)
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values())


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B", "bigscience/bloom-560m", "facebook/xlm-roberta-xl"])
def test_known_model_has_the_parameters_of_its_published_configuration(tmp_path: Path, name: str) -> None:
    known = KNOWN[name]
    shape = {"hidden_size": known.width, "num_attention_heads": known.heads, "vocab_size": known.vocabulary}
    configs = {
        "Qwen": Qwen2Config(**shape, num_hidden_layers=24, num_key_value_heads=2, intermediate_size=known.inner),
        "bigscience": BloomConfig(**shape, n_layer=24),
        "facebook": XLMRobertaXLConfig(**shape, num_hidden_layers=36, intermediate_size=known.inner),
    }
    configs[name.partition("/")[0]].save_pretrained(tmp_path)
    found = counted(tmp_path)
    assert found is not None and found.layers == known.layers
    assert known.parameters == pytest.approx(found.parameters, rel=2e-4) and known.encoder == pytest.approx(
        found.layered, rel=2e-4
    )


def test_folder_without_a_configuration_that_transformers_knows_is_not_counted(tmp_path: Path) -> None:
    assert counted(tmp_path) is None and kept(tmp_path, toy.phase(toy.NLI), 32, 2) is None
    (tmp_path / "config.json").write_text('{"model_type": "of_nobody"}')
    assert counted(tmp_path) is None and kept(tmp_path, toy.phase(toy.NLI), 32, 2) is None


def test_machine_with_too_little_memory_for_a_trial_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = plan_of(SMALL, tmp_path)
    check_fits(plan, [{"CPU": 2.0}])
    check_fits(plan, [{"memory": 1e9}, {"memory": 1e12}])
    with pytest.raises(UserError, match="need more memory than there is"):
        check_fits(plan, [{"memory": 1e9}])


def test_machine_holds_a_model_for_each_worker_of_a_trial(tmp_path: Path) -> None:
    plan = plan_of(SMALL + "resources: {executor: train, workers: 4}\n", tmp_path)
    need = max(memory_of(plan, spec, micro_batch=1).total for spec in plan.studies)
    check_fits(plan, [{"memory": 4.1 * need}])
    check_fits(plan, [{"memory": 2.1 * need}] * 2)
    with pytest.raises(UserError, match="which 4 workers of a trial share"):
        check_fits(plan, [{"memory": 3.9 * need}])


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


def test_decoder_s_language_modelling_keeps_the_logits_of_every_token(tmp_path: Path) -> None:
    phase, length, examples = toy.phase(toy.MLM, mask_rate=0.4), 32, 3
    masked = Shape(4, 64, 160, 4, 500, 0, dropout=False)
    sizes = [
        memory._activations(one, phase, toy.MLM, length, examples, fused=True) for one in (masked, replace(masked, causal=True))
    ]
    assert sizes[1] - sizes[0] == pytest.approx(memory.FLOAT * memory.LOGITS * examples * length * 0.6 * 500, abs=4)
