from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.training import toy
from training.data.examples import Question
from training.data.features import Encoded, Feature
from training.inference.answers import answers
from training.metrics.scores import score
from training.tasks.registry import row

CONTEXT = "Kim ran home"
OFFSETS = np.asarray([(-1, -1), (0, 3), (4, 7), (8, 12)], dtype=np.int32)


def encoded(metric: str, windows: int) -> Encoded:
    ids = np.zeros(4, dtype=np.int32)
    features = [Feature(ids, ids, 0, offsets=OFFSETS) for _ in range(windows)]
    return Encoded(replace(toy.QA, metric=metric), [Question("q", "Who?", CONTEXT, ())], features)


@pytest.mark.parametrize(("none", "expected"), [(4.0, "Kim"), (5.0, "Kim"), (5.5, "")])
def test_no_answer_is_predicted_when_it_scores_above_the_best_span(none: float, expected: str) -> None:
    assert answers(encoded("squad_v2", 1), np.array([(5.0, 1, 1, none)])) == {"q": expected}


def test_no_answer_scores_the_least_over_the_windows() -> None:
    outputs = np.array([(1.0, 3, 3, 9.0), (5.0, 1, 1, 2.0), (0.0, 2, 2, 8.0)])
    assert answers(encoded("squad_v2", 3), outputs) == {"q": "Kim"}
    assert answers(encoded("squad_v2", 3), outputs + np.array([0, 0, 0, 4.0])) == {"q": ""}


def test_no_answer_is_never_predicted_where_every_question_has_one() -> None:
    assert answers(encoded("squad", 1), np.array([(5.0, 1, 1, 99.0)])) == {"q": "Kim"}


def test_no_answer_is_right_for_a_question_without_gold_answers() -> None:
    found = score(row("squad_v2"), "en", {"a": "", "b": "", "c": "Kim"}, {"a": [], "b": ["Kim"], "c": []})
    assert found["exact_match"] == found["f1"] == pytest.approx(100 / 3)
