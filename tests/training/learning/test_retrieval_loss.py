from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training import toy
from tests.training.retrieval_world import LINKS, evaluator, measured, write_links
from training.data.batches import unit_features
from training.data.encode import Encoder
from training.data.examples import Mention
from training.data.features import Encoded
from training.identity import Runtime
from training.learning.contrast import SCALE
from training.learning.losses import loss_of, micro_batches
from training.phase import train_phase, vocabulary_of

CPU = torch.device("cpu")


def mentions(*entities: str) -> list[Mention]:
    dice = np.random.default_rng(0)
    return [
        Mention(f"m{n}", " ".join(toy.sentence(dice)), entity, f"a {toy.ANIMALS[int(entity[1:]) % 5]}" + " yes" * n)
        for n, entity in enumerate(entities)
    ]


def encoded(tokenizer: Any, *entities: str) -> Encoded:
    return Encoder(tokenizer, LINKS, 48, 0).encode(mentions(*entities))


def step(folder: Path, tokenizer: Any, data: Encoded, limit: int, *, train: bool = False) -> tuple[float, dict[str, Tensor]]:
    model, vocabulary = toy.fresh(folder, tokenizer, LINKS)
    model.train(train)
    torch.manual_seed(5)
    features = unit_features(data, np.arange(len(data)))
    (batch,) = micro_batches(LINKS, features, data.group, limit, vocabulary, np.random.default_rng(0))
    loss = loss_of(model, LINKS, batch)
    torch.autograd.backward(loss)
    return float(loss.detach()), {name: item.grad for name, item in model.named_parameters() if item.grad is not None}


def test_pairs_become_two_features_a_unit_with_their_entitys_number(tokenizer: Any) -> None:
    data = encoded(tokenizer, "Q1", "Q2", "Q1")
    assert (data.group, len(data), len(data.features)) == (2, 3, 6)
    labels = [feature.label for feature in data.features]
    assert labels[0] == labels[1] == labels[4] == labels[5] != labels[2] == labels[3]
    assert [feature.example for feature in data.features] == [0, 0, 1, 1, 2, 2]
    text = mentions("Q1", "Q2", "Q1")[2].description
    assert data.features[5].ids.tolist() == tokenizer(text)["input_ids"]


def test_loss_is_the_cross_entropy_of_scaled_cosines(toy_folder: Path, tokenizer: Any) -> None:
    data = encoded(tokenizer, "Q1", "Q2", "Q3")
    model, _ = toy.fresh(toy_folder, tokenizer, LINKS)
    model.eval()
    with torch.no_grad():
        ids = [torch.from_numpy(np.asarray(feature.ids, dtype=np.int64))[None] for feature in data.features]
        vectors = [model.backbone(input_ids=one).last_hidden_state[0].mean(0).numpy() for one in ids]
    unit = [vector / np.linalg.norm(vector) for vector in vectors]
    terms = []
    for n in range(3):
        logits = [SCALE * float(unit[2 * n] @ unit[2 * m + 1]) for m in range(3)]
        terms.append(np.log(np.exp(np.array(logits) - max(logits)).sum()) + max(logits) - logits[n])
    assert step(toy_folder, tokenizer, data, 0)[0] == pytest.approx(float(np.mean(terms)), rel=1e-3)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_micro_batch_of_any_size_gives_the_gradient_of_the_whole_batch(toy_folder: Path, tokenizer: Any, limit: int) -> None:
    data = encoded(tokenizer, "Q1", "Q2", "Q3", "Q4", "Q1", "Q5", "Q6")
    loss, expected = step(toy_folder, tokenizer, data, 0)
    cut, found = step(toy_folder, tokenizer, data, limit)
    assert cut == pytest.approx(loss, rel=1e-4)
    assert found.keys() == expected.keys() and len(found) > 30
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-4)


def test_micro_batch_with_dropout_has_a_gradient_that_agrees_with_its_loss(dropout_folder: Path, tokenizer: Any) -> None:
    """The second pass draws the dropout of the first: a run repeated is the same, and parts that hold the batch equal it."""
    data = encoded(tokenizer, "Q1", "Q2", "Q3", "Q4")
    first, again = (step(dropout_folder, tokenizer, data, 2, train=True) for _ in range(2))
    assert first[0] == again[0] and all(torch.equal(first[1][name], again[1][name]) for name in first[1])
    model, vocabulary = toy.fresh(dropout_folder, tokenizer, LINKS)
    model.train()
    (batch,) = micro_batches(LINKS, data.features, 2, 2, vocabulary, np.random.default_rng(0))
    weight = model.get_parameter("backbone.encoder.layer.1.output.dense.weight")
    direction = first[1]["backbone.encoder.layer.1.output.dense.weight"]
    direction = direction / direction.norm()
    losses = []
    for shift in (1e-3, -1e-3):
        with torch.no_grad():
            weight.add_(shift * direction)
            torch.manual_seed(5)
            losses.append(float(loss_of(model, LINKS, batch)))
            weight.sub_(shift * direction)
    slope = float((first[1]["backbone.encoder.layer.1.output.dense.weight"] * direction).sum())
    assert (losses[0] - losses[1]) / 2e-3 == pytest.approx(slope, rel=0.05)


def test_pairs_of_one_entity_are_not_each_others_negatives(toy_folder: Path, tokenizer: Any) -> None:
    alike = step(toy_folder, tokenizer, encoded(tokenizer, "Q1", "Q1"), 0)[0]
    assert alike == pytest.approx(0.0, abs=1e-6) != step(toy_folder, tokenizer, encoded(tokenizer, "Q1", "Q2"), 0)[0]


def test_dual_encoder_learns_to_link_in_seconds(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    write_links(tmp_path)
    one = evaluator(toy_folder, tmp_path, tokenizer, LINKS)
    before = one.evaluate(measured(LINKS, "dev", "en", pooling=None))
    data = one.corpus.encoded(LINKS.name, "train", "en", "d")
    phase = toy.phase(LINKS, lr=2e-3, epochs=6, batch=10)
    train_phase(one.model, phase, [data], vocabulary_of(one.model, tokenizer), Runtime(micro_batch=4))
    after = one.evaluate(measured(LINKS, "dev", "en", pooling=None))
    news = one.evaluate(measured(LINKS, "test", "en", "de"))
    assert (after.layer, after.pooling) == (2, "mean")
    assert before.mean < 70 < 90 < after.mean and news.mean > 90
