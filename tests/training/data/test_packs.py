"""Packs against padded batches: the same states, losses, gradients and predictions for every kind of task and encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel

from tests.training import toy
from training.data.batches import unit_features
from training.data.features import Feature
from training.data.packs import Vocabulary, pack
from training.learning.losses import loss_of, micro_batches
from training.learning.precision import BFLOAT16, autocast
from training.models.attention import set_attention_dropout
from training.models.carry import ChainModel
from training.models.encoding import encode, takes_packs
from training.tasks.row import TaskRow

CPU = torch.device("cpu")
SIZE = 40
SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
SMALL |= {"vocab_size": SIZE, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {"pad_token_id": 0, "max_position_embeddings": 24, "type_vocab_size": 2},
    "roberta": {"pad_token_id": 1, "max_position_embeddings": 26, "type_vocab_size": 1},
    "xlm-roberta": {"pad_token_id": 1, "max_position_embeddings": 26, "type_vocab_size": 1},
    "camembert": {"pad_token_id": 1, "max_position_embeddings": 26, "type_vocab_size": 1},
    "xlm-roberta-xl": {"pad_token_id": 1, "max_position_embeddings": 26, "type_vocab_size": 1},
}
OTHERS: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 24, "vocab_size": SIZE},
    "modernbert": {name: value for name, value in SMALL.items() if not name.endswith("_prob")},
    "electra": {**SMALL, "embedding_size": 8, "max_position_embeddings": 24, "type_vocab_size": 2},
}


def backbone_of(family: str) -> Any:
    torch.manual_seed(3)
    options = SMALL | FAMILIES[family] if family in FAMILIES else OTHERS[family]
    options = options | ({"pad_token_id": 0} if "pad_token_id" not in options else {})
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        options.setdefault(name, 2)
    model = AutoModel.from_config(AutoConfig.for_model(family, **options)).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # larger than as drawn, so that attention is not all but uniform
            parameter.mul_(4).add_(0.02 * torch.randn_like(parameter))
    return model


def vocabulary_of(backbone: Any) -> Vocabulary:
    config = backbone.config
    return Vocabulary(config.pad_token_id, 4, SIZE, types=getattr(config, "type_vocab_size", 1) > 1)


def rows_of(lengths: list[int], seed: int = 0) -> list[Feature]:
    dice = np.random.default_rng(seed)
    found = []
    for index, length in enumerate(lengths):
        ids = dice.integers(5, SIZE, size=length).astype(np.int32)
        types = (np.arange(length) >= length // 2).astype(np.int32)
        found.append(Feature(ids=ids, types=types, example=index))
    return found


def alone(backbone: Any, row: Feature, layer: int | None, *, types: bool) -> torch.Tensor:
    """One row through the plain Hugging Face model: nothing beside it, nothing to pad."""
    inputs = {"input_ids": torch.from_numpy(row.ids.astype(np.int64))[None]}
    if types:
        inputs["token_type_ids"] = torch.from_numpy(row.types.astype(np.int64))[None]
    found = backbone(**inputs, output_hidden_states=True)
    return (found.last_hidden_state if layer is None else found.hidden_states[layer])[0]


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layer", [None, 0, 1, 3])
@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 24), min_size=1, max_size=7))
def test_states_of_a_pack_are_those_of_each_row_by_itself(
    family: str, packed: bool, layer: int | None, lengths: list[int]
) -> None:
    backbone, rows = backbone_of(family), rows_of(lengths)
    vocabulary = vocabulary_of(backbone)
    together = pack(rows, vocabulary, CPU)
    with torch.no_grad():
        found = encode(backbone, together, layer, packed=packed)
        for row, start in zip(rows, together.starts, strict=True):
            expected = alone(backbone, row, layer, types=vocabulary.types)
            torch.testing.assert_close(found[start : start + len(row)], expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
def test_families_that_take_packs_are_those_that_are_named(family: str) -> None:
    assert takes_packs(backbone_of(family).config) == (family in FAMILIES)


def test_decoder_is_not_taken_for_an_encoder_of_its_family() -> None:
    config = AutoConfig.for_model("bert", is_decoder=True)

    assert not takes_packs(config)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_rows_of_a_pack_are_found_in_the_order_they_were_given(lengths: list[int]) -> None:
    rows = rows_of(lengths)
    together = pack(rows, Vocabulary(pad=0, mask=4, size=SIZE, types=True), CPU)

    assert together.rows == len(rows) and together.longest == max(lengths) and len(together.ids) == sum(lengths)
    padded = together.by_row(together.ids, -1)
    for index, row in enumerate(rows):
        part = slice(int(together.starts[index]), int(together.starts[index]) + len(row))
        assert together.ids[part].tolist() == row.ids.tolist()
        assert together.types is not None and together.types[part].tolist() == row.types.tolist()
        assert together.places[part].tolist() == list(range(len(row)))
        assert set(together.owners[part].tolist()) == {index}
        assert padded[index].tolist() == row.ids.tolist() + [-1] * (together.longest - len(row))
    assert together.flat(padded).tolist() == together.ids.tolist()
    assert together.as_given(together.ids).tolist() == [one for row in rows for one in row.ids.tolist()]
    assert sum(rows * length for rows, length in together.runs) == len(together.ids)
    assert np.diff(together.bounds.numpy()).tolist() == sorted(lengths)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_mean_of_a_row_is_over_its_tokens_alone(lengths: list[int], seed: int) -> None:
    together = pack(rows_of(lengths), Vocabulary(pad=0, mask=4, size=SIZE, types=False), CPU)
    hidden = torch.randn(sum(lengths), 3, generator=torch.Generator().manual_seed(seed))

    found = together.mean(hidden)

    for index, (start, length) in enumerate(zip(together.starts, lengths, strict=True)):
        torch.testing.assert_close(found[index], hidden[start : start + length].mean(0))


def losses_and_gradients(model: ChainModel, row: TaskRow, batches: list[Any]) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = loss_of(model, row, batch)
        loss.backward()
        total += float(loss.detach())
    return total, {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
@pytest.mark.parametrize("limit", [0, 3])
def test_training_on_packs_has_the_losses_and_gradients_of_padded_batches(
    toy_folder: Path, tokenizer: Any, row: TaskRow, limit: int
) -> None:
    encoded = toy.encoded(tokenizer, row, 9)
    found = {}
    for packed in (True, False):
        model, vocabulary = toy.fresh(toy_folder, tokenizer, row)
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.packed = packed
        features = unit_features(encoded, np.arange(len(encoded)))
        batches = list(micro_batches(row, features, encoded.group, limit, vocabulary, np.random.default_rng(5)))
        found[packed] = losses_and_gradients(model, row, batches)

    assert found[True][0] == pytest.approx(found[False][0], rel=1e-5)
    assert found[True][1].keys() == found[False][1].keys()
    for name, gradient in found[True][1].items():
        torch.testing.assert_close(gradient, found[False][1][name], rtol=1e-4, atol=1e-6)


def test_attention_dropout_is_that_of_the_phase_whatever_the_configuration_says() -> None:
    backbone = backbone_of("xlm-roberta").train()
    together = pack(rows_of([3, 7, 7]), vocabulary_of(backbone), CPU)

    still = encode(backbone, together, None, packed=True)
    set_attention_dropout(backbone, 0.5)
    torch.manual_seed(0)
    dropped = encode(backbone, together, None, packed=True)
    torch.manual_seed(0)
    again = encode(backbone, together, None, packed=True)
    padded = encode(backbone, together, None, packed=False)
    set_attention_dropout(backbone, 0.0)

    assert not torch.allclose(still, dropped) and not torch.allclose(still, padded)
    assert torch.equal(dropped, again)
    torch.testing.assert_close(encode(backbone, together, None, packed=False), still, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_pack_in_half_precision_is_the_padded_batch_up_to_its_rounding(family: str) -> None:
    backbone = backbone_of(family)
    together = pack(rows_of([2, 9, 5, 9]), vocabulary_of(backbone), CPU)
    exact = encode(backbone, together, None, packed=True)

    with autocast(CPU, BFLOAT16):
        found, padded = (encode(backbone, together, None, packed=packed).float() for packed in (True, False))

    assert not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0.1, atol=0.15)
    assert (found - exact).abs().mean() < 1.5 * (padded - exact).abs().mean()
