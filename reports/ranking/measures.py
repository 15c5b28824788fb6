"""How well frozen features tell labels apart, without training a network on them. Higher is better for all.

* LogME: the logarithm of the largest evidence of a Bayesian linear regression on each label's indicator, a sample and a label
  (You et al. 2021, arXiv 2102.11005).
* H-score: how much of the features' spread lies between labels, with a shrunk covariance (Bao et al. 2019; Ibrahim et al. 2021,
  arXiv 2110.06893; Ledoit and Wolf 2004).
* Probe: cross-validated accuracy of a logistic regression, in percent.

Features are [samples, width], labels [samples] of integers. Raises ValueError on fewer than two labels or mismatched lengths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUNDS, CLOSE = 200, 1e-9
FOLDS, PROBED = 5, 1000
"""Folds of a probe, and the most samples that it looks at."""


def logme(features: NDArray[np.floating], labels: Ints) -> float:
    """Mean log evidence a sample, of the indicator of each label."""
    matrix, indicators = _checked(features, labels)
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    squares = singular[:, None] ** 2
    inside = left.T @ indicators  # [rank, labels]
    outside = np.maximum((indicators**2).sum(0) - (inside**2).sum(0), 0.0)
    evidence = _evidence(squares, inside, outside, *matrix.shape)
    return float(evidence.mean() / len(matrix))


def _evidence(squares: Floats, inside: Floats, outside: Floats, samples: int, width: int) -> Floats:
    """The largest log evidence of each column, by MacKay's fixed point in the precisions of weights and noise."""
    weight, noise = np.ones(inside.shape[1]), np.ones(inside.shape[1])
    for _ in range(ROUNDS):
        before = np.stack([weight, noise])
        length, error, freedom = _fit(weight, noise, squares, inside, outside)
        weight, noise = freedom / np.maximum(length, 1e-30), (samples - freedom) / np.maximum(error, 1e-30)
        weight, noise = np.clip(weight, 1e-12, 1e12), np.clip(noise, 1e-12, 1e12)
        if np.abs(np.log(np.stack([weight, noise]) / before)).max() < CLOSE:
            break
    length, error, _ = _fit(weight, noise, squares, inside, outside)
    volume = np.log(weight + noise * squares).sum(0) + (width - len(squares)) * np.log(weight)
    fit = -noise * error - weight * length - volume + samples * np.log(noise) + width * np.log(weight)
    found: Floats = 0.5 * (fit - samples * np.log(2 * np.pi))
    return found


def _fit(weight: Floats, noise: Floats, squares: Floats, inside: Floats, outside: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each column: the squared length of the mean weights, the squared error, and the effective number of weights."""
    total = weight + noise * squares
    length = (squares * (noise * inside / total) ** 2).sum(0)
    error = ((weight * inside / total) ** 2).sum(0) + outside
    return length, error, (noise * squares / total).sum(0)


def h_score(features: NDArray[np.floating], labels: Ints) -> float:
    """Trace of the labels' means' covariance in units of the features' own, between 0 and the number of labels less one."""
    from sklearn.covariance import ledoit_wolf

    matrix, indicators = _checked(features, labels)
    matrix = matrix - matrix.mean(0)
    shrunk, shrinkage = ledoit_wolf(matrix, assume_centered=True)
    counts = indicators.sum(0)
    means = (indicators.T @ matrix) / counts[:, None]
    between = (means * counts[:, None]).T @ means / len(matrix)
    return float((1.0 - shrinkage) * np.trace(np.linalg.solve(shrunk, between)))


def probe(features: NDArray[np.floating], labels: Ints, groups: Ints | None = None, seed: int = 0) -> float:
    """Accuracy of a regularised logistic regression over folds; samples of one group (a sentence) stay in one fold.

    Labels with fewer samples than folds are left out.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _checked(features, labels)
    groups = np.arange(len(features)) if groups is None else groups
    if len(features) > PROBED:
        some = np.sort(np.random.default_rng(seed).choice(len(features), PROBED, replace=False))
        features, labels, groups = features[some], labels[some], groups[some]
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    common = counts[places] >= FOLDS
    features, labels, groups = features[common], labels[common], groups[common]
    matrix, _ = _checked(features, labels)
    folds = min(FOLDS, len(np.unique(groups)))
    hits = 0
    for train, test in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(matrix, labels, groups):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        hits += int((model.fit(matrix[train], labels[train]).predict(matrix[test]) == labels[test]).sum())
    return 100.0 * hits / len(matrix)


def _checked(features: NDArray[np.floating], labels: Ints) -> tuple[Floats, Floats]:
    """Features in float64, and the indicator of each label that occurs, [samples, labels]."""
    if features.ndim != 2 or len(features) != len(labels):
        raise ValueError(f"features {features.shape} do not go with {len(labels)} labels")
    known, places = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        raise ValueError("there are fewer than two labels to tell apart")
    return features.astype(np.float64), np.eye(len(known))[places]
