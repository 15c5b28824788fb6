"""Scores of retrieval: accuracy of the nearest (Tatoeba), average precision (LAReQA), reciprocal rank within 20 (Mewsli-X)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from training.metrics.classification import accuracy, check_lengths
from training.metrics.neighbours import CANDIDATE_BLOCK, Vectors, search

DEPTH = 20


def nearest(queries: Vectors, candidates: Vectors, block: int = CANDIDATE_BLOCK, device: str = "cpu") -> list[int]:
    """Index of the candidate with the highest cosine for each query; the lowest index where several are equal.

    `queries` is [queries, width], `candidates` [candidates, width], compared `block` candidates at a time. A zero vector has
    cosine 0 with everything. Raises ValueError on other shapes, no candidates, or a value that is not finite.
    """
    if queries.ndim != 2 or candidates.ndim != 2 or not len(candidates):
        raise ValueError(f"can't compare vectors of shapes {queries.shape} and {candidates.shape}")
    found: list[int] = search(queries, candidates, 1, block, device)[1][:, 0].tolist()
    return found


def retrieval_accuracy(predicted: Sequence[int], gold: Sequence[int]) -> float:
    """Percentage of queries whose predicted candidate is the gold one; raises ValueError when their numbers differ."""
    return accuracy(predicted, gold)


def mean_average_precision(predicted: Sequence[Sequence[int]], gold: Sequence[Collection[int]], depth: int = DEPTH) -> float:
    """mAP@20 (0..100): for each query the precisions at its hits among the first `depth`, over min(number of gold, depth).

    As XTREME-R defines it for LAReQA. Raises ValueError when queries differ in number, there are none, or one has no gold.
    """
    check_lengths(predicted, gold, "predicted and gold queries")
    if not gold or not all(gold):
        raise ValueError("no gold to score against")
    total = 0.0
    for ranking, wanted in zip(predicted, gold, strict=True):
        hits, precisions = 0, 0.0
        for rank, candidate in enumerate(ranking[:depth], 1):
            if candidate in wanted:
                hits += 1
                precisions += hits / rank
        total += precisions / min(len(wanted), depth)
    return 100.0 * total / len(gold)


def mean_reciprocal_rank(predicted: Mapping[str, Sequence[str]], gold: Mapping[str, str], depth: int = DEPTH) -> float:
    """Mean over queries of 1 / rank of the gold candidate (0..100), 0 beyond `depth` or without a prediction.

    XTREME-R's scorer calls it `map@20` for Mewsli-X, whose mentions have one gold entity each. Raises ValueError without gold.
    """
    if not gold:
        raise ValueError("no gold to score against")
    ranks = (list(predicted.get(name, ()))[:depth] for name in gold)
    total = sum(1.0 / (found.index(wanted) + 1) for found, wanted in zip(ranks, gold.values(), strict=True) if wanted in found)
    return 100.0 * total / len(gold)
