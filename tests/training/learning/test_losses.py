from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training import toy
from training.data.batches import unit_features
from training.data.encode import Encoder
from training.data.examples import Choices, Example, Question, Sentences, Tagged, Text
from training.data.features import Encoded
from training.learning.losses import loss_of, micro_batches
from training.tasks.row import Kind, TaskRow


def gradients(folder: Path, tokenizer: Any, encoded: Encoded, limit: int) -> tuple[float, dict[str, Tensor], int]:
    model, vocabulary = toy.fresh(folder, tokenizer, encoded.row)
    model.eval()
    features = unit_features(encoded, np.arange(len(encoded)))
    total, batches = 0.0, 0
    for batch in micro_batches(encoded.row, features, encoded.group, limit, vocabulary, np.random.default_rng(0)):
        loss = loss_of(model, encoded.row, batch)
        torch.autograd.backward(loss)
        total += float(loss.detach())
        batches += 1
    return total, {name: item.grad for name, item in model.named_parameters() if item.grad is not None}, batches


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
@pytest.mark.parametrize("limit", [1, 2])
def test_micro_batch_of_any_size_gives_the_same_gradient(toy_folder: Path, tokenizer: Any, row: TaskRow, limit: int) -> None:
    encoded = toy.encoded(tokenizer, row, 7)
    whole, expected, _ = gradients(toy_folder, tokenizer, encoded, 0)
    loss, found, batches = gradients(toy_folder, tokenizer, encoded, limit)
    assert batches == -(-len(encoded) // limit)
    assert loss == pytest.approx(whole, abs=1e-6)
    assert found.keys() == expected.keys() and len(found) > 30
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6)


LONG = "the cat sleeps in the garden " * 3
LONGER: dict[Kind, Example] = {
    Kind.CLASSIFICATION: Sentences("l", LONG, "no", 1),
    Kind.CHOICE: Choices("l", LONG, ("a", "no"), 1),
    Kind.TAGGING: Tagged("l", tuple(LONG.split()), (0,) * 18),
    Kind.SPAN: Question("l", "who ?", LONG, ()),
    Kind.MLM: Text("l", LONG),
}


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_loss_of_an_example_does_not_depend_on_a_longer_one_beside_it(toy_folder: Path, tokenizer: Any, row: TaskRow) -> None:
    """Losses are sums over a count that is given, so that of both is the sum of each."""
    short = toy.encoded(tokenizer, row, 3)
    encoder = Encoder(tokenizer, row, 60, 8)
    long = encoder.encode([LONGER[row.kind]])
    model, vocabulary = toy.fresh(toy_folder, tokenizer, row)
    model.eval()

    def loss(features: Any) -> tuple[float, int]:
        (batch,) = micro_batches(row, features, short.group, 0, vocabulary, np.random.default_rng(0))
        with torch.no_grad():
            return float(loss_of(model, row, batch)) * batch.count, batch.count

    group = short.group
    together, _ = loss([*short.features[:group], *long.features])
    alone, _ = loss(short.features[:group])
    if row.kind is Kind.MLM:
        both = [*short.features[:1], *long.features]
        parts = [
            replace(part, count=1) for part in micro_batches(row, both, 1, 1, vocabulary, np.random.default_rng(0))
        ]  # the same draws, a row at a time
        with torch.no_grad():
            assert together == pytest.approx(sum(float(loss_of(model, row, p)) for p in parts), rel=1e-5)
    else:
        assert together == pytest.approx(alone + loss(long.features)[0], rel=1e-5)


def test_span_loss_ignores_padding(toy_folder: Path, tokenizer: Any) -> None:
    """Padding that is as likely as the answer would raise the loss of the short row."""
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.QA)
    model.eval()
    with torch.no_grad():
        model.get_parameter("heads.span.out.weight").zero_()
    encoded = Encoder(tokenizer, toy.QA, 60, 8).encode([*toy.examples(Kind.SPAN, 1), LONGER[Kind.SPAN]])
    (batch,) = micro_batches(toy.QA, encoded.features, 1, 0, vocabulary, np.random.default_rng(0))
    with torch.no_grad():
        loss = float(loss_of(model, toy.QA, batch))
    lengths = [len(feature) for feature in encoded.features]
    assert lengths[0] < lengths[1]
    assert loss == pytest.approx(np.log(lengths).mean(), rel=1e-5)


def test_loss_of_a_step_is_the_mean_over_all_its_terms(toy_folder: Path, tokenizer: Any) -> None:
    """Sentences of unequal length weigh by their words, not by their micro-batch."""
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.TAGS)
    model.eval()
    encoded = toy.encoded(tokenizer, toy.TAGS, 7)
    features = list(encoded.features)
    batches = list(micro_batches(toy.TAGS, features, 1, 2, vocabulary, np.random.default_rng(0)))
    with torch.no_grad():
        total = sum(float(loss_of(model, toy.TAGS, batch)) for batch in batches)
        terms = []
        for feature in features:
            hidden = model.backbone(input_ids=torch.from_numpy(feature.ids.astype(np.int64))[None]).last_hidden_state
            logits = model.heads["tags"](hidden[0, feature.positions])
            gold = torch.from_numpy(np.asarray(feature.tags)).long()
            terms += torch.nn.functional.cross_entropy(logits, gold, reduction="none").tolist()
    assert total == pytest.approx(float(np.mean(terms)), rel=1e-5)


def test_mask_rate_of_the_phase_is_the_share_that_is_predicted(toy_folder: Path, tokenizer: Any) -> None:
    _, vocabulary = toy.fresh(toy_folder, tokenizer, toy.MLM)
    encoded = toy.encoded(tokenizer, toy.MLM, 20)
    free = sum(int(np.sum(np.equal(feature.special, 0))) for feature in encoded.features if feature.special is not None)
    for rate in (0.15, 0.5):
        dice = np.random.default_rng(0)
        (batch,) = micro_batches(toy.MLM, encoded.features, 1, 0, vocabulary, dice, rate)
        assert batch.count == pytest.approx(rate * free, rel=0.2)


def test_loss_of_texts_with_nothing_to_predict_is_zero(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.MLM)
    encoded = Encoder(tokenizer, toy.MLM, 32, 0).encode([Text("e", "\u0007")])
    (batch,) = micro_batches(toy.MLM, encoded.features, 1, 0, vocabulary, np.random.default_rng(0))
    assert float(loss_of(model, toy.MLM, batch).detach()) == 0.0
