from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.answers import MLQA_LANGUAGES, normalise_mlqa, normalise_squad
from training.metrics.official import OfficialStopError, answers_scores, label_accuracy, pair_scores, reciprocal_rank
from training.metrics.spans import seqeval_scores, seqeval_spans

GOLDENS = json.loads((Path(__file__).parent / "goldens" / "seqeval_any_tags.json").read_text("utf-8"))["cases"]
TAGS = "O . B-PER I-PER E-PER S-PER X-O B-O I-O NOUN SYM SCONJ INTJ B I E S - O- I-- B-LOC".split()
SENTENCES = st.lists(st.lists(st.sampled_from(TAGS) | st.text("BIESOX.-a", min_size=1, max_size=3), max_size=5), max_size=4)
WORDS = st.lists(
    st.sampled_from(["the", "A", "das", "الكتاب", "ال", "東京都", "北京，", "của", "$5", "“x”", "U.S.", "x", "\u3000"])
    | st.text(max_size=4),
    max_size=5,
)
ANSWERS = WORDS.map(" ".join)


@pytest.mark.parametrize("case", GOLDENS)
def test_seqeval_scores_agree_with_seqeval_on_any_tags(case: dict[str, Any]) -> None:
    gold, predicted = ([line.split() for line in case[side]] for side in ("gold", "predicted"))
    assert seqeval_scores(predicted, gold) == pytest.approx({name: case[name] for name in ("f1", "precision", "recall")})


@given(predicted=SENTENCES, gold=SENTENCES)
def test_seqeval_scores_compare_spans_of_the_joined_sentences(predicted: list[list[str]], gold: list[list[str]]) -> None:
    mine, true = (seqeval_spans([tag for tags in side for tag in (*tags, "O")]) for side in (predicted, gold))
    shared = len(mine & true)
    assert seqeval_scores(predicted, gold) == pytest.approx(
        {
            "f1": 200 * shared / (len(mine) + len(true)) if shared else 0.0,
            "precision": 100 * shared / len(mine) if mine else 0.0,
            "recall": 100 * shared / len(true) if true else 0.0,
        }
    )


def test_seqeval_scores_of_a_sentence_that_is_a_word_short_shift_all_that_follow() -> None:
    gold = [["B-PER", "O"], ["B-LOC"], ["B-ORG"]]
    assert seqeval_scores([["B-PER"], ["B-LOC"], ["B-ORG"]], gold)["f1"] == pytest.approx(100 / 3)


def test_label_accuracy_checks_the_number_and_nothing_else() -> None:
    assert label_accuracy(["0", "x"], ["0", "1"]) == {"accuracy": 50.0}
    assert label_accuracy([True, 1.0, "1"], [1, 1, 1])["accuracy"] == pytest.approx(200 / 3)
    with pytest.raises(OfficialStopError, match="1 predictions, 3 labels"):
        label_accuracy(["0"], ["0", "1", "1"])
    with pytest.raises(OfficialStopError, match="ZeroDivisionError"):
        label_accuracy([], [])


def test_pair_scores_are_of_sets_and_count_a_blank_line_on_both_sides() -> None:
    gold = ["de-1\ten-1", "de-2\ten-2"]
    assert pair_scores(["de-1\ten-1", "de-1\ten-1"], gold) == pytest.approx({"f1": 200 / 3, "precision": 100, "recall": 50})
    assert pair_scores([""], [*gold, ""])["f1"] == 50.0
    assert pair_scores([], gold) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


def _plain_normal(text: str, language: str) -> str:
    """SQuAD's and MLQA's published rules, step by step and a character at a time."""
    articles = {
        "en": ["a", "an", "the"],
        "es": ["un", "una", "unos", "unas", "el", "la", "los", "las"],
        "de": "ein eine einen einem eines einer der die das den dem des".split(),
        "vi": ["của", "là", "cái", "chiếc", "những"],
    }
    lowered = text.lower()
    if language == "squad":
        kept = "".join(character for character in lowered if character not in string.punctuation)
        pieces = re.split(r"(\w+)", kept)
        return " ".join("".join(" " if piece in articles["en"] else piece for piece in pieces).split())
    import unicodedata

    kept = "".join(c for c in lowered if unicodedata.category(c)[0] != "P" and c not in string.punctuation)
    if language == "ar":
        kept = kept.replace("ال", " ")
    elif language in articles:
        kept = "".join(" " if piece in articles[language] else piece for piece in re.split(r"(\w+)", kept))
    if language == "zh":
        kept = "".join(f" {c} " if "\u4e00" <= c <= "\u9fa5" else c for c in kept)
    return " ".join(kept.split())


def _plain_f1(left: str, right: str) -> float:
    mine, true = left.split(), right.split()
    shared = sum(min(mine.count(token), true.count(token)) for token in set(mine))
    if shared == 0:
        return 0.0
    precision, recall = shared / len(mine), shared / len(true)
    return 2 * precision * recall / (precision + recall)


@settings(max_examples=300)
@given(text=ANSWERS, language=st.sampled_from(["squad", *MLQA_LANGUAGES]))
def test_normalisation_follows_the_published_steps(text: str, language: str) -> None:
    found = normalise_squad(text) if language == "squad" else normalise_mlqa(text, language)
    assert found == _plain_normal(text, language)


@given(
    predicted=st.dictionaries(st.sampled_from("abcd"), ANSWERS),
    gold=st.lists(st.tuples(st.sampled_from("abcde"), st.lists(ANSWERS, min_size=1, max_size=3)), min_size=1, max_size=5),
)
def test_answers_scores_are_the_best_over_gold_and_zero_without_a_prediction(
    predicted: dict[str, str], gold: list[tuple[str, list[str]]]
) -> None:
    exact = f1 = 0.0
    for name, answers in gold:
        if name in predicted:
            mine, true = _plain_normal(predicted[name], "squad"), [_plain_normal(answer, "squad") for answer in answers]
            exact += float(mine in true)
            f1 += max(_plain_f1(mine, answer) for answer in true)
    found = answers_scores(predicted, gold, normalise_squad)
    assert found == pytest.approx({"exact_match": 100 * exact / len(gold), "f1": 100 * f1 / len(gold)})


@pytest.mark.parametrize(
    ("predicted", "gold", "said"),
    [
        ({"a": "x"}, [("a", [])], "without gold answers"),
        ({"a": None}, [("a", ["x"])], "not text: None"),
        (["a"], [("a", ["x"])], "not text"),
        (3, [("a", ["x"])], "TypeError"),
        ({}, [(7, ["x"])], "7, which is not text"),
        ({"a": "x"}, [], "no questions"),
    ],
)
def test_answers_that_end_the_script_say_why(predicted: object, gold: list[tuple[Any, list[str]]], said: str) -> None:
    with pytest.raises(OfficialStopError, match=said):
        answers_scores(predicted, gold, normalise_squad)


def test_answers_in_a_list_without_the_ids_score_nothing() -> None:
    assert answers_scores([], [("a", ["x"])], normalise_squad) == {"exact_match": 0.0, "f1": 0.0}


def test_reciprocal_rank_counts_twenty_and_strips_the_gold_alone() -> None:
    gold = {"a": [" Q1 "], "b": ["Q2"], "c": ["Q3"], "d": ["Q4"]}
    predicted = {"a": ["Q9", "Q1"], "b": [f"Q{100 + rank}" for rank in range(20)] + ["Q2"], "c": ["Q3 "]}
    assert reciprocal_rank(predicted, gold) == {"map@20": 100 * 0.5 / 4}
    assert reciprocal_rank({}, {}) == {"map@20": 0.0}


@pytest.mark.parametrize(
    ("predicted", "gold"), [([], {"a": ["Q1"]}), ({"a": None}, {"a": ["Q1"]}), ({"a": ["Q1"]}, {"a": []}), ({}, {"a": [1]})]
)
def test_reciprocal_rank_of_what_is_no_list_of_names_stops(predicted: object, gold: dict[str, Any]) -> None:
    with pytest.raises(OfficialStopError):
        reciprocal_rank(predicted, gold)


@given(counts=st.lists(st.sampled_from("abc"), min_size=1))
def test_pair_scores_of_gold_are_full(counts: list[str]) -> None:
    assert set(pair_scores(counts, list(Counter(counts))).values()) == {100.0}
