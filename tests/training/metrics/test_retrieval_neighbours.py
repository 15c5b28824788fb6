from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from training.metrics.neighbours import Neighbours, mutual, search, unit

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


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 5), FEW, st.integers(1, 31), st.booleans(), st.integers(0, 999))
def test_mutual_gives_the_same_bits_as_two_searches(
    left: int, right: int, width: int, k: int, block: int, real: bool, seed: int
) -> None:
    """Among vectors of which many are equal, and among real ones of which some are."""
    dice = np.random.default_rng(seed)
    one, two = grid(left, width, seed), grid(right, width, seed + 1)
    if real:
        one += dice.standard_normal(one.shape).astype(np.float32) * dice.integers(0, 2, size=(left, 1), dtype=np.int8)
    there, back = mutual(one, two, k, block)
    for found, expected in ((there, search(one, two, k)), (back, search(two, one, k))):
        assert found[0].tolist() == expected[0].tolist() and found[1].tolist() == expected[1].tolist()


@pytest.mark.parametrize("way", ["towards", "away"])
def test_search_finds_the_nearest_whether_candidates_come_nearer_or_not(way: str) -> None:
    """Each block has better ones than all before, so that what is known leaves nothing out; or the first has them all."""
    angles = np.linspace(1.5, 0.0, 500) if way == "towards" else np.linspace(0.0, 1.5, 500)
    candidates = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    queries = np.array([[1.0, 0.0], [2.0, 0.1]], dtype=np.float32)
    for block in (20, 64, 500):
        assert search(queries, candidates, 3, block)[1].tolist() == brute_force(queries, candidates, 3)


def test_mutual_takes_one_product_of_each_pair_of_blocks() -> None:
    one, two = grid(50, 8, 0), grid(70, 8, 1)
    with FlopCounterMode(display=False) as counter:
        mutual(one, two, 4, 16)
    assert counter.get_total_flops() == 2 * 50 * 70 * 8


def test_products_are_whole_in_float32_whatever_the_precision_around_them() -> None:
    dice = np.random.default_rng(0)
    one, two = dice.standard_normal((40, 64)).astype(np.float32), dice.standard_normal((90, 64)).astype(np.float32)
    expected = search(one, two, 5)[1].tolist()
    with torch.autocast("cpu", torch.bfloat16):
        assert search(one, two, 5)[1].tolist() == mutual(one, two, 5)[0][1].tolist() == expected


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
