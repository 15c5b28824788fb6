"""How good a ranking of intermediate tasks was, against the finished grid.

Regret@k (Poth et al. 2021, arXiv 2104.08247): how much worse, in percent of the best, the best of the first k ranked tasks
is than the best of all. 0 is perfect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from reports.statistics.curse import rank_correlation as spearman


def regret(ranked: Sequence[str], scores: Mapping[str, float], k: int) -> float:
    """Regret of trying the first `k` of a ranking of names; names without a score are passed over.

    Raises ValueError where none of them has a score, or the best score is not positive.
    """
    tried = [name for name in ranked if name in scores][:k]
    if not tried or k < 1:
        raise ValueError("none of the ranked tasks has a score")
    best = max(scores.values())
    if best <= 0:
        raise ValueError("the best score is not positive")
    return 100.0 * (best - max(scores[name] for name in tried)) / best


def chance_regret(scores: Mapping[str, float], k: int) -> float:
    """The mean regret over all choices of `k` tasks: what a ranker has to beat."""
    best, values = max(scores.values()), list(scores.values())
    found = [max(chosen) for chosen in combinations(values, min(k, len(values)))]
    return 100.0 * (best - float(np.mean(found))) / best


def rank_correlation(criteria: Mapping[str, float], scores: Mapping[str, float]) -> float | None:
    """Spearman's correlation of criteria and scores; None below three tasks, or where either is constant."""
    shared = sorted(criteria.keys() & scores.keys())
    first, second = (np.array([values[name] for name in shared]) for values in (criteria, scores))
    return spearman(first, second)
