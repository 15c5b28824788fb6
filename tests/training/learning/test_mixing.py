"""Phases of several tasks and languages: mixed batches, scaled losses, more training languages."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy
from training.data.encode import Encoder
from training.data.joined import Joined, join
from training.errors import DataError
from training.identity import Mixing, Runtime
from training.learning.losses import loss_of, loss_scale, micro_batches
from training.phase import train_phase
from training.tasks.row import TaskRow

ROWS = (toy.NLI, toy.TAGS, toy.QA)


def weights(folder: Path, tokenizer: Any, mixing: Mixing, micro_batch: int = 0) -> dict[str, torch.Tensor]:
    model, vocabulary = toy.fresh(folder, tokenizer, *ROWS)
    data = [toy.encoded(tokenizer, row, 24) for row in ROWS]
    train_phase(model, toy.phase(*ROWS, mixing=mixing), data, vocabulary, Runtime(micro_batch=micro_batch))
    return model.state_dict()


def test_mixed_batches_learn_every_task_at_once(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, *ROWS)
    data = [toy.encoded(tokenizer, row, 120) for row in ROWS]
    phase = toy.phase(*ROWS, mixing=Mixing(batches="mixed"), lr=5e-3, epochs=8, batch=24)
    trained = train_phase(model, phase, data, vocabulary, Runtime())
    assert trained.steps == 8 * math.ceil(3 * 120 / 24)
    assert trained.curve[-1][1] < 0.3 < 0.6 < trained.curve[0][1]


def test_mixed_batches_do_not_depend_on_the_micro_batch(toy_folder: Path, tokenizer: Any) -> None:
    mixing = Mixing(batches="mixed", loss_scaling="log_classes")
    whole, cut = weights(toy_folder, tokenizer, mixing), weights(toy_folder, tokenizer, mixing, micro_batch=2)
    # A bias of both ends of a span moves no softmax: its gradient is rounding alone, which AdamW makes large.
    names = [name for name in whole if name != "heads.span.out.bias"]
    assert all(torch.allclose(whole[name], cut[name], rtol=1e-3, atol=1e-4) for name in names)
    other = weights(toy_folder, tokenizer, Mixing(batches="mixed"))
    assert not all(torch.allclose(whole[name], other[name], rtol=1e-3, atol=1e-4) for name in names)


def test_loss_of_a_mixed_batch_is_the_mean_over_its_units(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, *ROWS)
    data = [toy.encoded(tokenizer, row, 8) for row in ROWS]
    whole = len(data[0]) + len(data[1]) + len(data[2])
    with torch.inference_mode():
        losses = [
            float(
                loss_of(
                    model,
                    part.row,
                    next(micro_batches(part.row, list(part.features), part.group, 0, vocabulary, None)),
                )
            )
            for part in data
        ]
    phase = toy.phase(*ROWS, mixing=Mixing(batches="mixed"), batch=whole, lr=1e-9)
    ((_, seen),) = train_phase(model, phase, data, vocabulary, Runtime()).curve
    expected = sum(len(part) * loss for part, loss in zip(data, losses, strict=True)) / whole
    assert seen == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("row", "classes"), [(toy.NLI, 2), (toy.TAGS, 3), (toy.QA, toy.QA.encoding.max_length), (toy.MLM, 99)])
def test_scaled_losses_begin_alike(row: TaskRow, classes: int) -> None:
    assert loss_scale(row, Mixing(loss_scaling="log_classes"), 99) == pytest.approx(1 / math.log(classes))
    assert loss_scale(row, Mixing(), 99) == 1.0


def test_languages_of_one_task_are_joined_without_a_copy(tokenizer: Any) -> None:
    parts = [toy.encoded(tokenizer, toy.NLI, count, seed=count) for count in (5, 3)]
    joined = join(parts)
    assert isinstance(joined, Joined)
    assert (joined.sizes, len(joined), joined.tokens) == ((5, 3), 8, parts[0].tokens + parts[1].tokens)
    found = [feature.ids.tolist() for feature in joined.features]
    assert found == [feature.ids.tolist() for part in parts for feature in part.features]
    assert joined.features[-1].ids.tolist() == found[-1] and [f.ids.tolist() for f in joined.features[2:6]] == found[2:6]
    assert join(parts[:1]) is parts[0]
    with pytest.raises(IndexError):
        joined.features[8]


def test_languages_with_other_numbers_of_endings_are_not_joined(tokenizer: Any) -> None:
    two = toy.encoded(tokenizer, toy.CHOICE, 4)
    encoder = Encoder(tokenizer, toy.CHOICE, 32, 0)
    three = encoder.encode([type(e)(e.id, e.context, (*e.endings, "more"), e.label) for e in two.examples])
    with pytest.raises(DataError, match="number of endings"):
        join([two, three])


def test_a_phase_in_several_languages_sees_each_with_the_exponent(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.MLM)
    data = join([toy.encoded(tokenizer, toy.MLM, count, seed=count) for count in (40, 4)])
    trained = train_phase(model, toy.phase(toy.MLM, mixing=Mixing(alpha=0.0)), [data], vocabulary, Runtime())
    assert trained.steps == math.ceil(44 / 8)


def test_a_language_without_examples_names_its_task(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    data = join([toy.encoded(tokenizer, toy.NLI, count) for count in (3, 0)])
    with pytest.raises(DataError, match="a training set is empty: 'nli'"):
        train_phase(model, toy.phase(toy.NLI), [data], vocabulary, Runtime())
