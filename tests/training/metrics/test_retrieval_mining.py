from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.mining import best_threshold, mine, pair_scores
from training.metrics.neighbours import unit


def vectors(count: int, seed: int, width: int = 6) -> Any:
    return (np.random.default_rng(seed).standard_normal((count, width)) + 0.7).astype(np.float32)


def plain_mining(left: Any, right: Any, k: int) -> list[tuple[int, int, float]]:
    """The recipe, one sentence at a time."""
    cosines = unit(left).astype(np.float64) @ unit(right).astype(np.float64).T
    forward = [sorted(range(len(right)), key=lambda j: (-row[j], j))[:k] for row in cosines]
    backward = [sorted(range(len(left)), key=lambda i: (-column[i], i))[:k] for column in cosines.T]
    left_mean = [np.mean([cosines[i, j] for j in near]) for i, near in enumerate(forward)]
    right_mean = [np.mean([cosines[i, j] for i in near]) for j, near in enumerate(backward)]

    def margin(i: int, j: int) -> float:
        return float(cosines[i, j] / ((left_mean[i] + right_mean[j]) / 2))

    proposals = [(i, max(near, key=lambda j: margin(i, j))) for i, near in enumerate(forward)]
    proposals += [(max(near, key=lambda i: margin(i, j)), j) for j, near in enumerate(backward)]
    kept: list[tuple[int, int, float]] = []
    for i, j in sorted(proposals, key=lambda pair: -margin(*pair)):
        if i not in {one for one, _, _ in kept} and j not in {two for _, two, _ in kept}:
            kept.append((i, j, margin(i, j)))
    return [pair for pair in kept if pair[2] > 0]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 25), st.integers(1, 25), st.integers(1, 5), st.integers(1, 30), st.integers(0, 999))
def test_mine_equals_the_recipe_step_by_step(left: int, right: int, k: int, block: int, seed: int) -> None:
    one, two = vectors(left, seed), vectors(right, seed + 1)
    found = mine(one, two, k, block)
    expected = plain_mining(one, two, k)
    assert found.pairs.tolist() == [[i, j] for i, j, _ in expected]
    np.testing.assert_allclose(found.scores, [value for _, _, value in expected], rtol=1e-9)


def test_mine_finds_translations_among_noise() -> None:
    left = vectors(300, 0, width=32)
    right = np.concatenate([vectors(200, 1, width=32), left[:50] + 0.05 * vectors(50, 2, width=32)])
    found = mine(left, right)
    best = {tuple(pair) for pair in found.pairs[:50].tolist()}
    assert best == {(place, 200 + place) for place in range(50)}


def test_mine_of_an_empty_side_is_nothing() -> None:
    assert mine(vectors(0, 0), vectors(3, 0)).pairs.shape == (0, 2)


def test_mine_of_zero_vectors_keeps_no_pair() -> None:
    assert not len(mine(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)).scores)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=12), st.integers(0, 4))
def test_best_threshold_is_as_good_as_any_other(found: list[tuple[int, bool]], more: int) -> None:
    found = sorted(found, key=lambda pair: -pair[0])
    scores = np.array([value / 4 for value, _ in found])
    correct = np.array([right for _, right in found])
    gold = int(correct.sum()) + more

    def f1(threshold: float) -> float:
        taken = scores >= threshold
        return 2 * (correct & taken).sum() / (taken.sum() + gold) if (correct & taken).any() else 0.0

    threshold = best_threshold(scores, correct, gold)
    tried = [*scores.tolist(), *((scores[:-1] + scores[1:]) / 2).tolist(), 99.0]
    assert f1(threshold) == max(map(f1, tried))
    fewest = min(int((scores >= value).sum()) for value in tried if f1(value) == f1(threshold))
    assert int((scores >= threshold).sum()) == fewest or not correct.any()


def test_best_threshold_lies_between_scores_and_survives_neighbouring_floats() -> None:
    assert best_threshold(np.array([1.5, 1.0]), np.array([True, False]), 1) == 1.25
    close = np.array([np.nextafter(1.0, 2.0), 1.0])
    assert best_threshold(close, np.array([True, False]), 1) == close[0]
    assert best_threshold(np.array([0.9]), np.array([True]), 3) == 0.9
    assert best_threshold(np.array([]), np.array([], dtype=bool), 3) == 0.0


def test_best_threshold_of_scores_in_another_order_is_an_error() -> None:
    with pytest.raises(ValueError, match="descend"):
        best_threshold(np.array([1.0, 2.0]), np.array([True, True]), 2)


def test_pair_scores_are_of_sets_of_pairs() -> None:
    gold = {("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")}
    found = pair_scores([("a", "1"), ("b", "3")], gold)
    assert found == {"f1": pytest.approx(100 / 3), "precision": 50.0, "recall": 25.0}
    assert pair_scores([], gold) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    with pytest.raises(ValueError, match="no pairs"):
        pair_scores([("a", "1")], [])
