from __future__ import annotations

import pytest

from training.data.examples import Answer, Bitext, Choices, Example, Question, Sentences, Tagged, Text
from training.data.squad import WITHHELD
from training.errors import DataError
from training.metrics.classification import accuracy, macro_f1
from training.metrics.scores import gold_of, score
from training.tasks.registry import row


def test_accuracy_of_different_lengths_is_an_error_not_a_full_score() -> None:
    with pytest.raises(ValueError, match="1 against 3"):
        accuracy([0], [0, 1, 2])
    with pytest.raises(ValueError, match="no labels"):
        accuracy([], [])


@pytest.mark.parametrize(
    ("task", "name"), [("xnli", "accuracy"), ("tatoeba", "retrieval_accuracy"), ("mini_mlm", "mlm_accuracy")]
)
def test_score_of_labels_is_accuracy(task: str, name: str) -> None:
    assert score(row(task), "en", [1, 0, 2, 2], [1, 0, 2, 0]) == {name: 75.0, "score": 75.0, "clean": 75.0}


def test_score_of_spans_is_chunk_f1_not_word_accuracy() -> None:
    tags = row("panx").labels.index
    gold = [[tags("B-PER"), tags("I-PER"), tags("O"), tags("B-LOC")]]
    guess = [[tags("B-PER"), tags("O"), tags("O"), tags("B-LOC")]]
    found = score(row("panx"), "de", guess, gold)
    assert found == {"span_f1": 50.0, "word_accuracy": 75.0, "score": 50.0, "clean": 50.0}


def test_score_of_word_classes_is_the_official_chunk_f1() -> None:
    tags = row("udpos").labels.index
    gold = [[tags("NOUN"), tags("NOUN"), tags("VERB")]]
    guess = [[tags("NOUN"), tags("VERB"), tags("VERB")]]
    found = score(row("udpos"), "de", guess, gold)
    assert found["score"] == found["tag_f1"] == 0.0
    assert found["clean"] == found["word_accuracy"] == pytest.approx(200 / 3)
    assert found["tag_macro_f1"] == pytest.approx(200 / 3)


def test_score_of_answers_is_the_mean_of_exact_match_and_f1() -> None:
    found = score(row("xquad"), "de", {"q": "Haus am See"}, {"q": ["das Haus am See"]})
    assert found["score"] == pytest.approx((0 + 100 * 6 / 7) / 2)
    assert score(row("mlqa"), "de", {"q": "Haus am See"}, {"q": ["das Haus am See"]})["score"] == 100.0
    assert found["clean"] == found["clean_exact_match"] == found["clean_f1"] == 100.0


def test_score_of_a_metric_without_a_clean_number_of_its_own_repeats_the_official_one() -> None:
    for task in ("xnli", "tatoeba"):
        found = score(row(task), "de", [0, 1], [0, 0])
        assert found["clean"] == found["score"] == 50.0


def test_macro_f1_is_the_mean_over_classes_of_either_side() -> None:
    assert macro_f1("aab", "abc") == pytest.approx(100 * (2 / 3 + 0 + 0) / 3)
    with pytest.raises(ValueError, match="differ in number"):
        macro_f1("a", "ab")
    with pytest.raises(ValueError, match="no labels"):
        macro_f1("", "")


GOLD: list[tuple[str, Example, object]] = [
    ("xnli", Sentences("1", "a", "b", 2), [2]),
    ("xcopa", Choices("1", "a", ("b", "c"), 0), [0]),
    ("panx", Tagged("1", ("a", "b"), (0, 1)), [[0, 1]]),
    ("xquad", Question("1", "q", "c", (Answer("c", 0),)), {"1": ["c"]}),
    ("tatoeba", Bitext("de", ("a",), ("b",), (0,)), [0]),
]
BLANK: list[tuple[str, Example]] = [
    ("xnli", Sentences("1", "a", "b", None)),
    ("panx", Tagged("1", ("a",), None)),
    ("tydiqa", Question("1", "q", "c", WITHHELD)),
    ("tatoeba", Bitext("de", ("a",), ("b",), None)),
]


@pytest.mark.parametrize(("task", "example", "gold"), GOLD)
def test_gold_of_examples_has_the_shape_that_is_scored(task: str, example: Example, gold: object) -> None:
    assert gold_of(row(task), [example]) == gold


@pytest.mark.parametrize(("task", "example"), BLANK)
def test_gold_of_blank_test_data_is_refused(task: str, example: Example) -> None:
    with pytest.raises(DataError, match=f"task {task} can't be scored: 1 of 1 examples carry no gold"):
        gold_of(row(task), [example])


def test_gold_of_running_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="Text has no gold"):
        gold_of(row("mini_mlm"), [Text("1", "a")])
