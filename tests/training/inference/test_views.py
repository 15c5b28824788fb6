"""States of labelled examples: the right ones, with the right labels, as many as were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training import toy
from training.data.examples import Choices, Question, Sentences, Tagged
from training.data.packs import pack
from training.identity import Runtime
from training.inference.views import View, view
from training.models.backbone import load_tokenizer
from training.tasks.row import TaskRow

RUNTIME = Runtime(device="cpu", evaluation_tokens=64)
MANY = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.save_model(tmp_path_factory.mktemp("model") / "toy")


def seen(folder: Path, row: TaskRow, *, count: int = 12, examples: int = MANY, samples: int = MANY) -> tuple[View, Any, Any]:
    tokenizer = load_tokenizer(folder)
    model, vocabulary = toy.fresh(folder, tokenizer, row)
    encoded = toy.encoded(tokenizer, row, count)
    return view(model, encoded, vocabulary, RUNTIME, examples=examples, samples=samples), encoded, (model, vocabulary)


def states(model: Any, vocabulary: Any, feature: Any) -> Any:
    with torch.inference_mode():
        return model.encode(pack([feature], vocabulary, torch.device("cpu"))).numpy()


@pytest.mark.parametrize("row", [toy.NLI, toy.CHOICE], ids=lambda row: str(row.kind))
def test_rows_are_their_mean_states_in_the_order_of_the_split(folder: Path, row: TaskRow) -> None:
    found, encoded, (model, vocabulary) = seen(folder, row)
    expected = np.stack([states(model, vocabulary, feature).mean(0) for feature in encoded.features])
    np.testing.assert_allclose(found.features, expected, rtol=1e-4, atol=1e-5)
    labels: list[int] = []
    for example in encoded.examples:
        if isinstance(example, Sentences):
            labels.append(example.label)
        if isinstance(example, Choices):
            labels += [int(number == example.label) for number in range(len(example.endings))]
    assert found.labels.tolist() == labels
    assert found.groups.tolist() == [feature.example for feature in encoded.features]


def test_words_are_the_states_of_their_first_sub_words(folder: Path) -> None:
    found, encoded, (model, vocabulary) = seen(folder, toy.TAGS)
    expected = np.concatenate([states(model, vocabulary, one)[one.positions] for one in encoded.features])
    np.testing.assert_allclose(found.features, expected, rtol=1e-4, atol=1e-5)
    tags = [tag for example in encoded.examples if isinstance(example, Tagged) for tag in example.tags or ()]
    assert found.labels.tolist() == tags


def test_tokens_of_answers_are_marked_and_windows_without_one_are_left_out(folder: Path) -> None:
    found, encoded, (model, vocabulary) = seen(folder, toy.QA)
    windows = [one for one in encoded.features if isinstance(one.label, tuple) and one.label[0] > 0]
    assert len(windows) < len(encoded.features) or windows
    expected = np.concatenate([states(model, vocabulary, one)[one.offsets[:, 0] >= 0] for one in windows])
    np.testing.assert_allclose(found.features, expected, rtol=1e-4, atol=1e-5)
    assert found.labels.sum() == sum(one.label[1] - one.label[0] + 1 for one in windows)
    for owner in np.unique(found.groups):
        example = encoded.examples[owner]
        assert isinstance(example, Question) and example.answers


@pytest.mark.parametrize("row", [toy.NLI, toy.CHOICE, toy.TAGS, toy.QA], ids=lambda row: str(row.kind))
def test_fewer_examples_and_samples_are_drawn_the_same_each_time(folder: Path, row: TaskRow) -> None:
    some, _, _ = seen(folder, row, count=20, examples=7)
    assert 1 <= len(np.unique(some.groups)) <= 7
    few, _, _ = seen(folder, row, count=20, samples=9)
    again, _, _ = seen(folder, row, count=20, samples=9)
    assert len(few.labels) == len(few.features) == len(few.groups) <= 9
    assert all(np.array_equal(one, other) for one, other in zip(few, again, strict=True))


def test_task_without_labels_has_no_view(folder: Path) -> None:
    with pytest.raises(ValueError, match="no labels"):
        seen(folder, toy.MLM)
