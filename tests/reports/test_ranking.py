"""Measures of how well features tell labels apart, against their definitions; regret against all choices."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from reports.ranking.measures import h_score, logme, probe
from reports.ranking.regret import chance_regret, rank_correlation, regret

SCORES = {"mnli": 80.0, "qqp": 40.0, "squad": 78.0, "ccg": 60.0}


def drawn(seed: int, samples: int, width: int, apart: float, labels: int = 3) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features whose means differ by label."""
    dice = np.random.default_rng(seed)
    given_labels = np.arange(samples) % labels
    means = dice.normal(0, apart, (labels, width))
    return means[given_labels] + dice.normal(0, 1, (samples, width)), given_labels


def log_evidence(features: NDArray[np.float64], target: NDArray[np.float64], weight: float, noise: float) -> float:
    """log N(target; 0, I / noise + F F' / weight), as it is defined."""
    covariance = np.eye(len(target)) / noise + features @ features.T / weight
    sign, volume = np.linalg.slogdet(covariance)
    assert sign > 0
    return float(-0.5 * (target @ np.linalg.solve(covariance, target) + volume + len(target) * math.log(2 * math.pi)))


@pytest.mark.parametrize(("samples", "width"), [(40, 6), (12, 30)])
def test_logme_is_the_largest_evidence(samples: int, width: int) -> None:
    features, labels = drawn(1, samples, width, 1.0)
    found = []
    for label in range(3):
        target = (labels == label).astype(float)

        def negative(logs: NDArray[np.float64], target: NDArray[np.float64] = target) -> float:
            return -log_evidence(features, target, math.exp(logs[0]), math.exp(logs[1]))

        found.append(-min(minimize(negative, start, method="Nelder-Mead").fun for start in ([0, 0], [3, 3])) / samples)
    assert logme(features, labels) == pytest.approx(np.mean(found), abs=1e-4)


def test_h_score_without_shrinkage_is_a_trace_of_explained_variance() -> None:
    """With many samples nothing is shrunk, and the score is the sum of squared canonical correlations."""
    features, labels = drawn(2, 60_000, 4, 1.0)
    indicators = np.eye(3)[labels]
    centred, other = features - features.mean(0), indicators - indicators.mean(0)
    first, _ = np.linalg.qr(centred)
    second, _ = np.linalg.qr(other[:, :2])
    expected = (np.linalg.svd(first.T @ second, compute_uv=False) ** 2).sum()
    assert h_score(features, labels) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("measure", [logme, h_score, probe])
@pytest.mark.parametrize("width", [8, 64])
def test_features_that_tell_labels_apart_better_score_higher(measure: object, width: int) -> None:
    assert callable(measure)
    found = [float(np.mean([measure(*drawn(seed, 120, width, apart)) for seed in range(5)])) for apart in (0.0, 0.3, 1.0)]
    assert found == sorted(found) and found[0] < found[2]


def test_probe_of_noise_is_chance_and_groups_stay_together() -> None:
    features, labels = drawn(3, 300, 5, 0.0)
    assert probe(features, labels) == pytest.approx(100 / 3, abs=10)
    twice, groups = np.repeat(features, 2, axis=0), np.repeat(np.arange(300), 2)
    assert (
        probe(twice, np.repeat(labels, 2), groups)
        < 45
        < probe(np.hstack([twice, 9 * np.eye(3)[np.repeat(labels, 2)]]), np.repeat(labels, 2))
    )


def test_probe_leaves_labels_out_that_are_too_rare_for_its_folds() -> None:
    features, labels = drawn(4, 200, 5, 2.0)
    rare = labels.copy()
    rare[:3] = 7
    assert probe(features, rare) == probe(features[3:], labels[3:])


@pytest.mark.parametrize("measure", [logme, h_score, probe])
@pytest.mark.parametrize("labels", [np.zeros(6, dtype=np.int64), np.zeros(5, dtype=np.int64)])
def test_labels_that_can_not_be_told_apart_are_refused(measure: object, labels: NDArray[np.int64]) -> None:
    assert callable(measure)
    with pytest.raises(ValueError, match="labels"):
        measure(np.ones((6, 2)), labels)


def test_regret_is_what_the_best_of_the_first_k_lacks() -> None:
    assert regret(["qqp", "ccg", "mnli"], SCORES, 1) == pytest.approx(50.0)
    assert regret(["qqp", "ccg", "mnli"], SCORES, 2) == pytest.approx(25.0)
    assert regret(["unknown", "mnli"], SCORES, 1) == 0.0
    with pytest.raises(ValueError, match="none of the ranked tasks"):
        regret(["unknown"], SCORES, 1)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_chance_is_the_mean_over_all_orders(k: int) -> None:
    every = [regret(order, SCORES, k) for order in permutations(SCORES)]
    assert chance_regret(SCORES, k) == pytest.approx(float(np.mean(every)))


def test_correlation_of_ranks_needs_three_tasks_that_differ() -> None:
    assert rank_correlation({"mnli": 3, "qqp": 1, "squad": 2}, SCORES) == pytest.approx(1.0)
    assert rank_correlation({"mnli": 3, "qqp": 1}, SCORES) is None
    assert rank_correlation(dict.fromkeys(SCORES, 1.0), SCORES) is None
