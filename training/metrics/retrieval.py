"""Scores of retrieval: the nearest candidate (Tatoeba), average precision (LAReQA), reciprocal rank within 20 (Mewsli-X)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from training.metrics.classification import check_lengths
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


def average_precisions(predicted: Sequence[Sequence[int]], gold: Sequence[Collection[int]], depth: int = DEPTH) -> list[float]:
    """For each query (0..1) the precisions at its hits among the first `depth`, over min(number of gold, depth).

    Their mean is mAP@20 as XTREME-R defines it for LAReQA. Raises ValueError when queries differ in number, there are none, or
    one has no gold.
    """
    check_lengths(predicted, gold, "predicted and gold queries")
    if not gold or not all(gold):
        raise ValueError("no gold to score against")
    return [_average_precision(ranking[:depth], wanted, depth) for ranking, wanted in zip(predicted, gold, strict=True)]


def _average_precision(ranking: Sequence[int], wanted: Collection[int], depth: int) -> float:
    hits, precisions = 0, 0.0
    for rank, candidate in enumerate(ranking, 1):
        if candidate in wanted:
            hits += 1
            precisions += hits / rank
    return precisions / min(len(wanted), depth)


def reciprocal_ranks(predicted: Mapping[str, Sequence[str]], gold: Mapping[str, str], depth: int = DEPTH) -> list[float]:
    """1 / rank of each query's gold candidate (0..1), in the order of `gold`; 0 beyond `depth` or without a prediction.

    XTREME-R's scorer calls their mean `map@20` for Mewsli-X, whose mentions have one gold entity each. Raises ValueError
    without gold.
    """
    if not gold:
        raise ValueError("no gold to score against")
    ranks = (list(predicted.get(name, ()))[:depth] for name in gold)
    return [1.0 / (found.index(true) + 1) if true in found else 0.0 for found, true in zip(ranks, gold.values(), strict=True)]


def percentage(values: Sequence[float]) -> float:
    """The mean of values between 0 and 1, in percent."""
    total = 0.0
    for value in values:
        total += value
    return 100.0 * total / len(values)
