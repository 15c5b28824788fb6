"""Exact nearest neighbours by cosine, over candidates that come by in blocks.

Memory is that of the queries, one block of candidates and the neighbours found so far, however many candidates there are; so a
million can be encoded, compared and forgotten block by block.

A float32 matrix product leaves out of each block what can't be among the nearest; the cosines of the rest are taken again in
float64. So neither order nor values depend on how candidates are cut into blocks. Equal vectors of a block are compared once. A
zero vector has cosine 0 with everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Vectors = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

CANDIDATE_BLOCK = 16_384
QUERY_BLOCK = 1_024
MUTUAL_BLOCK = 4_096
_PAIR_BLOCK = 8_192
_ROUNDING = 5e-6
"""More than a float32 product of two unit vectors of a thousand dimensions is wrong by."""
_MANY = 4
"""Of more than this many times k pairs a query, a block's own k best are looked for before cosines are taken again."""


class _Kept:
    """The best k found so far for each of `count` vectors, by cosine, then index; `vectors` are of length 1."""

    def __init__(self, vectors: NDArray[np.float32], k: int) -> None:
        self.vectors, self.k = vectors, k
        self.scores = np.full((len(vectors), k), -np.inf)
        self.indices = np.full((len(vectors), k), -1, dtype=np.int64)

    def look(self, rows: slice, products: Tensor, block: _Block) -> None:
        """Take what is near in a block of candidates, from the products of `rows` with its distinct ones, [rows, distinct]."""
        left, right = self._close(rows, products)
        queries = self.vectors[rows]
        scores = np.empty(len(left))
        for start in range(0, len(left), _PAIR_BLOCK):
            part = slice(start, start + _PAIR_BLOCK)
            scores[part] = _dots(queries[left[part]], block.distinct[right[part]])
        pairs, nth = np.nonzero(block.clones[right] >= 0)
        self._merge(rows.start + left[pairs], block.clones[right[pairs], nth] + block.start, scores[pairs])

    def result(self, seen: int) -> tuple[Floats, Indices]:
        """Cosines and indices, each [vectors, min(k, seen)], best first."""
        columns = min(self.k, seen)
        return self.scores[:, :columns], self.indices[:, :columns]

    def _close(self, rows: slice, products: Tensor) -> tuple[Indices, Indices]:
        """Pairs that may be among the nearest, as places in `rows` and in the columns of `products`."""
        least = torch.from_numpy(self.scores[rows, -1]).to(products)
        near = products >= (least - _ROUNDING)[:, None]
        if int(torch.count_nonzero(near)) > _MANY * self.k * len(near):
            nearest = torch.topk(products, min(self.k, products.shape[1]), dim=1).values[:, -1]
            near = products >= (torch.maximum(nearest, least) - _ROUNDING)[:, None]
        if near.is_contiguous():
            left, right = near.nonzero().cpu().numpy().T
        else:  # products of the other side, turned: many times faster as they lie
            right, left = near.T.nonzero().cpu().numpy().T
        return left, right

    def _merge(self, places: Indices, indices: Indices, scores: Floats) -> None:
        """Take the best k of those known and those found."""
        touched, owners = np.unique(places, return_inverse=True)
        owners = np.concatenate([np.repeat(np.arange(len(touched)), self.k), owners])
        scores = np.concatenate([self.scores[touched].ravel(), scores])
        indices = np.concatenate([self.indices[touched].ravel(), indices])
        order = np.lexsort((indices, -scores, owners))
        ordered = owners[order]
        rank = np.arange(len(ordered)) - np.searchsorted(ordered, np.arange(len(touched)))[ordered]
        kept = order[rank < self.k].reshape(len(touched), self.k)
        self.scores[touched], self.indices[touched] = scores[kept], indices[kept]


class _Block:
    """Candidates from `start` on, of length 1: `distinct` ones, and `clones` of each (see `_clones`)."""

    def __init__(self, vectors: NDArray[np.float32], start: int, k: int) -> None:
        self.start, self.clones, self._size = start, _clones(vectors, k), len(vectors)
        self.distinct = vectors if len(self.clones) == len(vectors) else vectors[self.clones[:, 0]]

    def of_distinct(self, products: Tensor) -> Tensor:
        """The columns of the distinct ones among those of all, [rows, distinct]."""
        if len(self.clones) == self._size:
            return products
        return products[:, torch.from_numpy(self.clones[:, 0]).to(products.device)]


class Neighbours:
    """The `k` candidates of highest cosine for each query; of equal ones those that came first."""

    def __init__(self, queries: Vectors, k: int, device: str = "cpu") -> None:
        if queries.ndim != 2 or k < 1:
            raise ValueError(f"can't look for {k} neighbours of vectors of shape {queries.shape}")
        self._kept, self._seen = _Kept(unit(queries), k), 0
        self._device = torch.device(device)

    def add(self, candidates: Vectors) -> None:
        """Compare with the next candidates, [candidates, width]; raises ValueError on another width or values not finite."""
        queries = self._kept.vectors
        if candidates.ndim != 2 or candidates.shape[1] != queries.shape[1]:
            raise ValueError(f"can't compare vectors of shapes {queries.shape} and {candidates.shape}")
        if not len(candidates):
            return
        block = _Block(unit(candidates), self._seen, self._kept.k)
        on_device = torch.from_numpy(block.distinct).to(self._device)
        with _full_precision(self._device):
            for rows in _cut(len(queries), QUERY_BLOCK):
                self._kept.look(rows, torch.from_numpy(queries[rows]).to(self._device) @ on_device.T, block)
        self._seen += len(candidates)

    def result(self) -> tuple[Floats, Indices]:
        """Cosines and indices of the neighbours, each [queries, min(k, candidates)], best first."""
        return self._kept.result(self._seen)


def mutual(
    left: Vectors, right: Vectors, k: int, block: int = MUTUAL_BLOCK, device: str = "cpu"
) -> tuple[tuple[Floats, Indices], tuple[Floats, Indices]]:
    """The k nearest of each side in the other, as two searches would find them, from one product of each pair of blocks.

    Raises ValueError as `Neighbours` does.
    """
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1] or k < 1:
        raise ValueError(f"can't look for {k} neighbours of vectors of shapes {left.shape} and {right.shape}")
    place = torch.device(device)
    one, two = _Kept(unit(left), k), _Kept(unit(right), k)
    rights = [_Block(two.vectors[columns], columns.start, k) for columns in _cut(len(right), block)]
    with _full_precision(place):
        for rows in _cut(len(left), block):
            lefts = _Block(one.vectors[rows], rows.start, k)
            on_device = torch.from_numpy(one.vectors[rows]).to(place)
            for columns, other in zip(_cut(len(right), block), rights, strict=True):
                products = on_device @ torch.from_numpy(two.vectors[columns]).to(place).T
                one.look(rows, other.of_distinct(products), other)
                two.look(columns, lefts.of_distinct(products.T), lefts)
    return one.result(len(right)), two.result(len(left))


def _cut(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Products in float32 as they are written, whatever the precision around them."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


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
