from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.retrieval import average_precisions, nearest, percentage, reciprocal_ranks


def vectors(count: int, seed: int, width: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(queries=st.integers(0, 30), candidates=st.integers(1, 30), block=st.integers(1, 40), seed=st.integers(0, 1000))
def test_nearest_in_blocks_agrees_with_the_full_matrix(queries: int, candidates: int, block: int, seed: int) -> None:
    left, right = vectors(queries, seed), vectors(candidates, seed + 1)
    cosine = (left / np.linalg.norm(left, axis=1, keepdims=True)) @ (right / np.linalg.norm(right, axis=1, keepdims=True)).T
    assert nearest(left, right, block) == cosine.argmax(axis=1).tolist()


@pytest.mark.parametrize("count", [3, 17, 1000])
def test_nearest_of_equal_candidates_is_the_lowest_index(count: int) -> None:
    one = vectors(1, 0, width=384)
    assert nearest(one, np.repeat(one, count, axis=0)) == [0]


def test_nearest_ignores_length_and_bears_zero_and_huge_vectors() -> None:
    candidates = np.array([[0, 0], [1e30, 1e30], [0, 1e-30]], dtype=np.float32)
    assert nearest(np.array([[1, 1], [0, 5]], dtype=np.float32), candidates) == [1, 2]
    assert nearest(np.zeros((1, 2), dtype=np.float32), candidates) == [0]


@pytest.mark.parametrize(("left", "right"), [((2, 3), (2, 4)), ((2,), (2, 2)), ((2, 3), (0, 3))])
def test_nearest_shapes_that_do_not_fit_are_an_error(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shapes"):
        nearest(np.ones(left, dtype=np.float32), np.ones(right, dtype=np.float32))


def test_nearest_of_nan_is_an_error() -> None:
    with pytest.raises(ValueError, match="not finite"):
        nearest(np.full((1, 2), np.nan, dtype=np.float32), vectors(2, 0, width=2))


def test_mean_average_precision_divides_by_gold_within_reach() -> None:
    assert percentage(average_precisions([[5, 1, 2]], [{5, 2}])) == pytest.approx(100 * (1 + 2 / 3) / 2)
    many = set(range(100, 130))
    assert percentage(average_precisions([list(range(100, 120))], [many])) == 100.0
    assert percentage(average_precisions([[*range(20), 100]], [{100}])) == 0.0
    assert percentage(average_precisions([[7], [8]], [{7}, {9}])) == 50.0


@pytest.mark.parametrize("gold", [[], [set()], [{1}, {2}]])
def test_mean_average_precision_without_gold_is_an_error(gold: list[set[int]]) -> None:
    with pytest.raises(ValueError, match=r"no gold|differ in number"):
        average_precisions([[1]] if gold else [], gold)


def test_mean_reciprocal_rank_is_the_official_one() -> None:
    gold = {"a": "Q1", "b": "Q2", "c": "Q3", "d": "Q4"}
    found = {"a": ["Q1"], "b": ["Q9", "Q8", "Q2"], "c": [f"Q{n}" for n in range(10, 30)] + ["Q3"], "x": ["Q4"]}
    assert percentage(reciprocal_ranks(found, gold)) == pytest.approx(100 * (1 + 1 / 3) / 4)
    with pytest.raises(ValueError, match="no gold"):
        reciprocal_ranks(found, {})
