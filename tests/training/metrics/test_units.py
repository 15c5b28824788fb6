"""Units give a metric's own number again, whatever the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.scores import METRICS, measure
from training.metrics.units import BUCKETS, Form, Units, counts, means, pairs, score_of, scores_of
from training.tasks.registry import row

WORDS = st.sampled_from(["the cat", "a cat", "cat", "dog", "", "the", "katze am see"])


def tags(task: str) -> st.SearchStrategy[tuple[Any, Any]]:
    tag = st.integers(0, len(row(task).labels) - 1)
    sentence = st.lists(st.tuples(tag, tag), min_size=1, max_size=6)
    return st.lists(sentence, min_size=1, max_size=5).map(
        lambda found: ([[mine for mine, _ in one] for one in found], [[true for _, true in one] for one in found])
    )


def labels() -> st.SearchStrategy[tuple[Any, Any]]:
    return st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=9).map(
        lambda found: ([mine for mine, _ in found], [true for _, true in found])
    )


def questions() -> st.SearchStrategy[tuple[Any, Any]]:
    one = st.tuples(st.none() | WORDS, st.lists(WORDS, max_size=3))
    return st.lists(one, min_size=1, max_size=6).map(
        lambda found: (
            {str(number): text for number, (text, _) in enumerate(found) if text is not None},
            {str(number): answers for number, (_, answers) in enumerate(found)},
        )
    )


def links() -> st.SearchStrategy[tuple[Any, Any]]:
    pair = st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvw"))
    return st.tuples(st.sets(pair), st.sets(pair, min_size=1))


def rankings() -> st.SearchStrategy[tuple[Any, Any]]:
    one = st.tuples(st.permutations(range(5)), st.sets(st.integers(0, 6), min_size=1))
    return st.lists(one, min_size=1, max_size=5).map(lambda found: ([mine for mine, _ in found], [true for _, true in found]))


def entities() -> st.SearchStrategy[tuple[Any, Any]]:
    one = st.tuples(st.permutations("abcd"), st.sampled_from("abcde"))
    return st.lists(one, min_size=1, max_size=5).map(
        lambda found: (
            {str(number): mine for number, (mine, _) in enumerate(found)},
            {str(number): true for number, (_, true) in enumerate(found)},
        )
    )


CASES = {
    "xnli": labels(),
    "tatoeba": labels(),
    "mini_mlm": labels(),
    "panx": tags("panx"),
    "udpos": tags("udpos"),
    "mini_ccg": tags("udpos"),
    "xquad": questions(),
    "squad_v2": questions(),
    "mlqa": questions(),
    "bucc2018": links(),
    "lareqa": rankings(),
    "mewslix": entities(),
}


def test_every_metric_is_tried() -> None:
    assert {row(task).metric for task in CASES} == set(METRICS)


@pytest.mark.parametrize("task", CASES)
@given(data=st.data())
@settings(deadline=None)
def test_units_give_the_score_again(task: str, data: st.DataObject) -> None:
    predictions, gold = data.draw(CASES[task])
    scores, units = measure(row(task), "en", predictions, gold)
    assert score_of(units) == pytest.approx(scores["score"], abs=1e-4)


def test_units_of_some_items_give_the_score_of_these_alone() -> None:
    task = row("panx")
    number = task.labels.index
    gold = [[number("B-PER"), number("I-PER")], [number("B-LOC"), number("O")], [number("O"), number("O")]]
    mine = [[number("B-PER"), number("O")], [number("B-LOC"), number("B-ORG")], [number("O"), number("O")]]
    units = measure(task, "de", mine, gold).units
    for chosen in ([0], [1], [2], [0, 1], [1, 2]):
        part = Units(units.form, units.values[chosen])
        alone = measure(task, "de", [mine[place] for place in chosen], [gold[place] for place in chosen])
        assert score_of(part) == pytest.approx(alone.scores["score"])


def test_units_take_a_byte_a_hit_and_more_where_needed() -> None:
    assert means([[True, False]]).values.dtype == np.uint8
    assert means([[0.5, 1.0]]).values.dtype == np.float32
    assert counts([(1, 300, 2)]).values.dtype == np.int16
    assert counts([(1, 70_000, 2)]).values.dtype == np.int32


def test_pairs_are_dealt_into_buckets_by_their_sentence() -> None:
    units = pairs({("a", "u"), ("a", "v"), ("b", "u")}, {("a", "u")})
    assert units.values.shape == (BUCKETS, 3)
    assert sorted(map(tuple, units.values[units.values.any(1)].tolist())) == [(0, 1, 0), (1, 2, 1)]


def test_scores_of_many_sums_are_taken_at_once() -> None:
    sums = np.array([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    assert scores_of(Form.F1, sums, 7).tolist() == [50.0, 0.0]
    assert scores_of(Form.MEAN, np.array([[2.0, 4.0], [8.0, 8.0]]), 8).tolist() == [37.5, 100.0]


def test_units_without_items_have_no_score() -> None:
    with pytest.raises(ValueError, match="no items"):
        score_of(Units(Form.MEAN, np.zeros((0, 1))))
