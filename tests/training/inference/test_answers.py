from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import training.inference.answers
from benchmarks.answers import usual_answers
from tests.training import toy
from training.data.columns import FeatureRows, gather
from training.data.examples import Question
from training.data.features import Encoded, Feature
from training.inference.answers import MAX_ANSWER_TOKENS, N_BEST, answers, best_spans

CONTEXT = "".join(chr(ord("a") + place % 26) for place in range(500))


def window(length: int, first: int, last: int, example: int = 0) -> Feature:
    """A window of `length` tokens, of which those from `first` on, up to `last`, are a character of the context each."""
    offsets = np.full((length, 2), -1, dtype=np.int32)
    for place in range(first, last):
        offsets[place] = (place, place + 1)
    empty = np.zeros(length, dtype=np.int32)
    return Feature(empty, empty, example, offsets=offsets)


def spans_of(features: list[Feature], logits: list[Any], n_best: int = N_BEST) -> Any:
    """`best_spans` of windows of any lengths, in several turns."""
    context = np.concatenate([feature.offsets[:, 0] >= 0 for feature in features if feature.offsets is not None])
    bounds = np.cumsum([0, *map(len, features)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.inference.answers, "_TOGETHER", 90)
        return best_spans(np.concatenate(logits), context, bounds, n_best)


def split(features: list[Feature], metric: str = "squad") -> Encoded:
    examples = [Question(f"q{number}", "?", CONTEXT, ()) for number in range(features[-1].example + 1)]
    return Encoded(replace(toy.QA, metric=metric), examples, FeatureRows(gather(features)))


@st.composite
def questions(draw: st.DrawFn) -> list[Feature]:
    """Questions of one to three windows; a window has one to seventy tokens and any part of them, or none, is context."""
    features = []
    for example in range(draw(st.integers(1, 4))):
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(1, 70))
            first = draw(st.integers(0, length))
            features.append(window(length, first, draw(st.integers(first, length)), example))
    return features


VALUES = st.sampled_from(["few", "whole", "real", "mixed"])


def made_logits(features: list[Feature], kind: str, seed: int) -> list[Any]:
    """Logits of many ties (`few` values, signed zeros among them), of whole numbers, or of real ones."""
    dice = np.random.default_rng(seed)
    if kind == "few":
        return [dice.choice(np.array([-0.0, 0.0, 1.0], np.float32), size=(len(one), 2)) for one in features]
    if kind == "whole":
        return [dice.integers(-4, 5, size=(len(one), 2)).astype(np.float32) for one in features]
    scale = np.float32(1e-30 if kind == "mixed" else 3.0)
    return [dice.standard_normal((len(one), 2)).astype(np.float32) * scale for one in features]


@settings(max_examples=400, deadline=None)
@given(questions(), VALUES, st.integers(0, 2**20), st.sampled_from(["squad", "squad_v2"]))
def test_answers_are_those_of_the_usual_loop(features: list[Feature], kind: str, seed: int, metric: str) -> None:
    """With ties within and between windows, windows without context, one-token windows, and no answer."""
    logits, encoded = made_logits(features, kind, seed), split(features, metric)
    examples = [example for example in encoded.examples if isinstance(example, Question)]
    expected = usual_answers(examples, features, logits, abstains=metric == "squad_v2")
    assert answers(encoded, spans_of(features, logits)) == expected


@settings(max_examples=100, deadline=None)
@given(questions(), VALUES, st.integers(0, 2**20))
def test_spans_of_all_starts_and_ends_are_the_best_there_are(features: list[Feature], kind: str, seed: int) -> None:
    logits = made_logits(features, kind, seed)
    for feature, values, (score, first, last, _) in zip(features, logits, spans_of(features, logits, 1000), strict=True):
        assert feature.offsets is not None
        inside = np.flatnonzero(feature.offsets[:, 0] >= 0)
        pairs = [(one, other) for one in inside for other in inside if one <= other < one + MAX_ANSWER_TOKENS]
        sums = [float(values[one, 0]) + float(values[other, 1]) for one, other in pairs]
        assert score == max(sums, default=-np.inf)
        assert not sums or sums[pairs.index((int(first), int(last)))] == score


def test_spans_no_longer_depend_on_what_stands_beside_them() -> None:
    features = [window(9, 2, 8), window(70, 5, 69), window(1, 0, 1)]
    logits = made_logits(features, "real", 3)
    together = spans_of(features, logits)
    for row, (feature, values) in enumerate(zip(features, logits, strict=True)):
        assert spans_of([feature], [values])[0].tolist() == together[row].tolist()


def test_spans_of_a_window_without_context_have_the_worst_score() -> None:
    ((score, _, _, none),) = spans_of([window(4, 2, 2)], [np.ones((4, 2), np.float32)])
    assert (score, none) == (-np.inf, 2.0)


def test_answer_beyond_the_twenty_best_starts_is_not_looked_at() -> None:
    """As in the usual loop, tokens of the question are among the twenty."""
    values = np.zeros((40, 2), np.float32)
    values[:20] = 5.0
    features = [window(40, 20, 40)]
    assert answers(split(features), spans_of(features, [values])) == {"q0": ""}
    values[19] = 0.0
    assert answers(split(features), spans_of(features, [values])) == {"q0": ""}  # token 19 is the twentieth start still
    values[19] = -1.0
    assert answers(split(features), spans_of(features, [values])) == {"q0": CONTEXT[20]}


@pytest.mark.parametrize("lengths", [(30, 30), (31, 30)])
def test_answers_have_thirty_tokens_at_most(lengths: tuple[int, int]) -> None:
    values = np.full((50, 2), -9.0, np.float32)
    values[3, 0] = values[3 + lengths[0] - 1, 1] = 9.0
    features = [window(50, 1, 50)]
    (answer,) = answers(split(features), spans_of(features, [values])).values()
    assert (len(answer) == lengths[0]) == (lengths[0] <= MAX_ANSWER_TOKENS)


def test_answers_of_one_id_in_two_examples_are_the_best_of_both() -> None:
    features = [window(6, 1, 6, 0), window(6, 1, 6, 1)]
    encoded = split(features)
    examples = [Question("same", "?", CONTEXT, ()), Question("same", "?", CONTEXT.upper(), ())]
    logits = [np.zeros((6, 2), np.float32), np.eye(6, 2, -3, dtype=np.float32) * 5 + np.eye(6, 2, -2, dtype=np.float32)]
    found = answers(replace(encoded, examples=examples), spans_of(features, logits))
    assert list(found) == ["same"] and found["same"].isupper()
