from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.neighbours import Neighbours, search, unit

FEW = st.integers(1, 6)


def grid(count: int, width: int, seed: int) -> Any:
    """Vectors of small whole numbers: many are equal, opposite or zero."""
    return np.random.default_rng(seed).integers(-1, 2, size=(count, width)).astype(np.float32)


def brute_force(queries: Any, candidates: Any, k: int) -> Any:
    cosines = (unit(queries)[:, None].astype(np.float64) * unit(candidates)[None].astype(np.float64)).sum(-1)
    return [sorted(range(len(row)), key=lambda place: (-round(row[place], 9), place))[:k] for row in cosines]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.integers(1, 40), FEW, FEW, st.integers(1, 41), st.integers(0, 999))
def test_search_equals_sorting_every_cosine_with_ties_by_index(
    queries: int, candidates: int, width: int, k: int, block: int, seed: int
) -> None:
    left, right = grid(queries, width, seed), grid(candidates, width, seed + 1)
    scores, indices = search(left, right, k, block)
    assert indices.tolist() == brute_force(left, right, k)
    expected = (unit(left)[:, None].astype(np.float64) * unit(right)[None].astype(np.float64)).sum(-1)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, indices, 1), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(0, 999))
def test_search_gives_the_same_bits_for_any_block(block: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    left, right = dice.standard_normal((11, 37)).astype(np.float32), dice.standard_normal((64, 37)).astype(np.float32)
    right[dice.integers(64, size=10)] = right[0]
    whole, cut = search(left, right, 5, 1000), search(left, right, 5, block)
    assert whole[1].tolist() == cut[1].tolist() and whole[0].tolist() == cut[0].tolist()


def test_search_of_candidates_that_are_all_equal_gives_the_first() -> None:
    one = np.full((1, 3), 0.3, dtype=np.float32)
    for block in (1, 7, 1000):
        assert search(one, np.repeat(one, 500, axis=0), 20, block)[1].tolist() == [list(range(20))]


@pytest.mark.parametrize("block", [7, 1000])
def test_search_of_different_candidates_at_one_cosine_gives_the_first(block: int) -> None:
    """Orthogonal to the query, or the query is zero: float32 can't rank them and float64 finds them equal."""
    candidates = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    candidates[:, 0] = 0.0
    queries = np.array([[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    assert search(queries, candidates, 9, block)[1].tolist() == [list(range(9))] * 2


def test_search_has_as_many_neighbours_as_there_are_candidates() -> None:
    scores, indices = search(grid(4, 3, 0), grid(2, 3, 1), 20)
    assert scores.shape == indices.shape == (4, 2)
    assert search(grid(4, 3, 0), grid(0, 3, 1), 20)[1].shape == (4, 0)


def test_neighbours_unusable_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 neighbours"):
        Neighbours(grid(2, 3, 0), 0)
    found = Neighbours(grid(2, 3, 0), 1)
    with pytest.raises(ValueError, match="shapes"):
        found.add(grid(2, 4, 0))
    with pytest.raises(ValueError, match="not finite"):
        found.add(np.full((1, 3), np.inf, dtype=np.float32))
