from __future__ import annotations

import json
import unicodedata
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.metrics.answers import (
    MLQA_LANGUAGES,
    exact_match,
    mean_scores,
    mlqa_marks,
    normalise_mlqa,
    normalise_squad,
    squad_marks,
    token_f1,
)

GOLDENS = json.loads((Path(__file__).parent / "goldens" / "answers.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", GOLDENS)
def test_answers_agree_with_the_official_scorers(case: dict[str, Any]) -> None:
    predicted, gold, language = case["predicted"], case["gold"], case["language"]
    by_language = partial(normalise_mlqa, language=language)
    assert (normalise_squad(predicted), by_language(predicted)) == (case["squad"], case["mlqa"])
    assert exact_match(predicted, gold) == case["squad_exact"]
    assert exact_match(predicted, gold, by_language) == case["mlqa_exact"]
    assert token_f1(predicted, gold) == pytest.approx(case["squad_f1"])
    assert token_f1(predicted, gold, by_language) == pytest.approx(case["mlqa_f1"])


@given(text=st.text())
def test_normalised_answer_has_single_spaces_and_no_ascii_punctuation(text: str) -> None:
    normal = normalise_squad(text)
    assert normal == " ".join(normal.split())
    assert not set(normal) & set("!?.,;:'\"()[]{}")
    assert not {"a", "an", "the"} & set(normal.split())


@given(text=st.text(), language=st.sampled_from(MLQA_LANGUAGES))
def test_mlqa_normalised_answer_has_no_punctuation(text: str, language: str) -> None:
    normal = normalise_mlqa(text, language)
    assert normal == " ".join(normal.split())
    assert not any(unicodedata.category(character).startswith("P") for character in normal)


@given(text=st.text(), padding=st.sampled_from(["", " ", "\n", "...", " the "]))
def test_normalisation_ignores_case_articles_and_punctuation_around(text: str, padding: str) -> None:
    assert normalise_squad(padding + " " + text + " " + padding) == normalise_squad(text)


@given(left=st.text("ab the.", max_size=8), right=st.text("ab the.", max_size=8))
def test_token_f1_is_symmetric_and_full_for_equal_answers(left: str, right: str) -> None:
    assert token_f1(left, right) == token_f1(right, left)
    assert 0.0 <= token_f1(left, right) <= 1.0
    if exact_match(left, right) and normalise_squad(left):
        assert token_f1(left, right) == 1.0


def test_scores_take_the_best_gold_and_count_missing_ids_as_zero() -> None:
    gold = {"a": ["red fox", "a fox"], "b": ["dog"], "c": ["cat"]}
    found = mean_scores(squad_marks({"a": "the fox", "b": "big dog", "unknown": "x"}, gold))
    assert found["exact_match"] == pytest.approx(100 / 3)
    assert found["f1"] == pytest.approx(100 * (1 + 2 / 3) / 3)


def test_scores_question_without_gold_is_right_when_left_empty() -> None:
    assert mean_scores(squad_marks({"a": "", "b": "guess"}, {"a": [], "b": []})) == {"exact_match": 50.0, "f1": 50.0}


def test_mlqa_unknown_language_is_an_error() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        mlqa_marks({"a": "x"}, {"a": ["x"]}, "fr")


def test_scores_of_no_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no questions"):
        mean_scores(squad_marks({}, {}))
