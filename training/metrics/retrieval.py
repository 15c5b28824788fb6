"""Nearest-neighbour retrieval of translations, as XTREME scores Tatoeba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics.classification import accuracy

Vectors = NDArray[np.floating[Any]]


def nearest(queries: Vectors, candidates: Vectors, block: int = 512) -> list[int]:
    """Index of the candidate with the highest cosine for each query; the lowest index where several are equal.

    `queries` [queries, width] and `candidates` [candidates, width] are compared in float32, `block` queries at a time, so that
    memory grows with block * candidates. A zero vector has cosine 0 with everything. Raises ValueError on other shapes, no
    candidates, or a value that is not finite.
    """
    if queries.ndim != 2 or candidates.ndim != 2 or queries.shape[1] != candidates.shape[1] or not len(candidates):
        raise ValueError(f"can't compare vectors of shapes {queries.shape} and {candidates.shape}")
    left, right = _unit(queries), _unit(candidates)
    # A matrix product may round equal columns differently, so only the first of equal candidates takes part.
    first = np.sort(np.unique(right, axis=0, return_index=True)[1])
    found: list[int] = []
    for start in range(0, len(left), block):
        cosine = left[start : start + block] @ right[first].T  # [block, distinct candidates]
        found.extend(first[cosine.argmax(axis=1)].tolist())
    return found


def retrieval_accuracy(predicted: Sequence[int], gold: Sequence[int]) -> float:
    """Percentage of queries whose predicted candidate is the gold one; raises ValueError when their numbers differ."""
    return accuracy(predicted, gold)


def _unit(vectors: Vectors) -> NDArray[np.float32]:
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds a value that is not finite")
    exact = vectors.astype(np.float64)  # squares of float32 or float16 values may overflow their own type
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    return (exact / np.where(length == 0.0, 1.0, length)).astype(np.float32)
