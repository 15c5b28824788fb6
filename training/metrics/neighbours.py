"""Exact nearest neighbours by cosine, over candidates that come by in blocks.

Memory is that of the queries, one block of candidates and the neighbours found so far, however many candidates there are; so a
million can be encoded, compared and forgotten block by block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Vectors = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

CANDIDATE_BLOCK = 16_384
QUERY_BLOCK = 1_024
_PAIR_BLOCK = 8_192
_ROUNDING = 5e-6
"""More than a float32 product of two unit vectors of a thousand dimensions is wrong by."""


class Neighbours:
    """The `k` candidates of highest cosine for each query; of equal ones those that came first.

    A float32 matrix product (on `device`) leaves out of each block what can't be among the nearest; the cosines of the rest are
    taken again in float64. So neither order nor values depend on how candidates are cut into blocks. Equal vectors of a block
    are compared once. A zero vector has cosine 0 with everything.
    """

    def __init__(self, queries: Vectors, k: int, device: str = "cpu") -> None:
        if queries.ndim != 2 or k < 1:
            raise ValueError(f"can't look for {k} neighbours of vectors of shape {queries.shape}")
        self._queries = unit(queries)
        self._device = torch.device(device)
        self._k, self._seen = k, 0
        self._scores = np.full((len(queries), k), -np.inf)
        self._indices = np.full((len(queries), k), -1, dtype=np.int64)

    def add(self, candidates: Vectors) -> None:
        """Compare with the next candidates, [candidates, width]; raises ValueError on another width or values not finite."""
        if candidates.ndim != 2 or candidates.shape[1] != self._queries.shape[1]:
            raise ValueError(f"can't compare vectors of shapes {self._queries.shape} and {candidates.shape}")
        if not len(candidates):
            return
        block = unit(candidates)
        clones = _clones(block, self._k)
        distinct = block[clones[:, 0]]
        on_device = torch.from_numpy(distinct).to(self._device)
        for start in range(0, len(self._queries), QUERY_BLOCK):
            rows = slice(start, min(start + QUERY_BLOCK, len(self._queries)))
            left, right, scores = self._close(rows, distinct, on_device)
            pairs, nth = np.nonzero(clones[right] >= 0)
            self._merge(rows, left[pairs], clones[right[pairs], nth] + self._seen, scores[pairs])
        self._seen += len(candidates)

    def result(self) -> tuple[Floats, Indices]:
        """Cosines and indices of the neighbours, each [queries, min(k, candidates)], best first."""
        columns = min(self._k, self._seen)
        return self._scores[:, :columns], self._indices[:, :columns]

    def _close(self, rows: slice, distinct: NDArray[np.float32], on_device: torch.Tensor) -> tuple[Indices, Indices, Floats]:
        """Pairs that may be among the nearest, as places in `rows` and in `distinct`, and their cosines in float64."""
        queries = self._queries[rows]
        products = torch.from_numpy(queries).to(self._device) @ on_device.T  # [queries, distinct]
        nearest = torch.topk(products, min(self._k, len(distinct)), dim=1).values[:, -1]
        known = torch.from_numpy(self._scores[rows, -1]).to(nearest)
        left, right = (products >= torch.maximum(nearest, known)[:, None] - _ROUNDING).nonzero().cpu().numpy().T
        scores = np.empty(len(left))
        for start in range(0, len(left), _PAIR_BLOCK):
            part = slice(start, start + _PAIR_BLOCK)
            scores[part] = _dots(queries[left[part]], distinct[right[part]])
        return left, right, scores

    def _merge(self, rows: slice, places: Indices, indices: Indices, scores: Floats) -> None:
        """Take the best k of those known and those found, by cosine, then index."""
        count = rows.stop - rows.start
        places = np.concatenate([np.repeat(np.arange(count), self._k), places])
        scores = np.concatenate([self._scores[rows].ravel(), scores])
        indices = np.concatenate([self._indices[rows].ravel(), indices])
        order = np.lexsort((indices, -scores, places))
        ordered = places[order]
        rank = np.arange(len(ordered)) - np.searchsorted(ordered, np.arange(count))[ordered]
        kept = order[rank < self._k].reshape(count, self._k)
        self._scores[rows], self._indices[rows] = scores[kept], indices[kept]


def search(
    queries: Vectors, candidates: Vectors, k: int, block: int = CANDIDATE_BLOCK, device: str = "cpu"
) -> tuple[Floats, Indices]:
    """The k nearest of candidates that are there already: cosines and indices, [queries, min(k, candidates)]."""
    found = Neighbours(queries, k, device)
    for start in range(0, len(candidates), block):
        found.add(candidates[start : start + block])
    return found.result()


def unit(vectors: Vectors) -> NDArray[np.float32]:
    """Vectors of length 1 in float32, zero vectors as they are; raises ValueError on a value that is not finite."""
    result = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, len(vectors), CANDIDATE_BLOCK):
        exact = vectors[start : start + CANDIDATE_BLOCK].astype(np.float64)  # squares may overflow float32 or float16
        if not np.isfinite(exact).all():
            raise ValueError("a vector holds a value that is not finite")
        length = np.linalg.norm(exact, axis=1, keepdims=True)
        result[start : start + CANDIDATE_BLOCK] = exact / np.where(length == 0.0, 1.0, length)
    result += 0.0  # no negative zeros: equal vectors have equal bytes
    return result


def _dots(left: NDArray[np.float32], right: NDArray[np.float32]) -> Floats:
    """Dot products of rows, summed in the same order whatever stands beside them (a BLAS product is not)."""
    products: Floats = np.einsum("ij,ij->i", left.astype(np.float64), right.astype(np.float64))
    return products


def _clones(block: NDArray[np.float32], most: int) -> Indices:
    """For each distinct vector the places where it stands, the first `most` of them in order, then -1: [distinct, clones]."""
    rows = np.ascontiguousarray(block).view(np.dtype((np.void, block.itemsize * block.shape[1]))).ravel()
    inverse = np.unique(rows, return_inverse=True)[1].ravel()
    order = np.argsort(inverse, kind="stable")
    counts = np.bincount(inverse)
    starts = np.cumsum(counts) - counts
    nth = np.arange(min(most, int(counts.max())))
    table = np.where(nth < counts[:, None], order[np.minimum(starts[:, None] + nth, len(order) - 1)], -1)
    return table[np.argsort(table[:, 0])].astype(np.int64)
