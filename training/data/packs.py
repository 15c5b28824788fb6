"""Packs: the rows of one forward pass beside each other, without padding.

Callers name rows in the order they gave them. Inside, rows lie sorted by length, so that rows of one length follow each other
and can be looked at as one block (`runs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.features import Feature

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What packs need to know of the tokenizer and the encoder; `causal` is on where tokens see what is before them alone."""

    pad: int
    mask: int
    size: int
    types: bool
    causal: bool = False


@dataclass(frozen=True, eq=False)
class Pack:
    """Rows without padding; `ids`, `types` and `places` are [tokens], row after row as they lie.

    `places` counts from 0 in each row; `bounds` [rows + 1] is where each row begins as they lie, and `runs` are (rows, length)
    of the blocks of equal length. `starts` and `lengths` [rows], in the order that rows were given in, say where a row's
    tokens are; `firsts` is `starts` on the device. `pad` is what fills the gaps for an encoder that needs padding. `reach` is
    what an attention over all rows takes for the longest row's tokens (0: what they are).
    """

    ids: Tensor
    types: Tensor | None
    places: Tensor
    bounds: Tensor
    firsts: Tensor
    runs: tuple[tuple[int, int], ...]
    starts: Ints
    lengths: Ints
    pad: int
    reach: int = 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(length for _, length in self.runs)

    @cached_property
    def owners(self) -> Tensor:
        """[tokens]: the row of each token, in the order that rows were given in."""
        order = np.argsort(self.starts, kind="stable")
        return moved(np.repeat(order, self.lengths[order]), self.ids.device)

    @cached_property
    def lasts(self) -> Tensor:
        """[rows]: where each row's last token is."""
        return moved(self.starts + self.lengths - 1, self.ids.device)

    def at(self, rows: Ints, places: Ints) -> Tensor:
        """[n]: where the tokens at `places` of `rows` are in the pack."""
        return moved(self.starts[rows] + places, self.ids.device)

    def by_row(self, values: Tensor, fill: float) -> Tensor:
        """[rows, longest, ...] of `values` [tokens, ...], with `fill` behind each row's end."""
        whole = values.new_full((self.rows, self.longest, *values.shape[1:]), fill)
        return whole.index_put((self.owners, self.places), values)

    def flat(self, padded: Tensor) -> Tensor:
        """[tokens, ...] of `padded` [rows, longest, ...]: what `by_row` made of it, undone."""
        return padded[self.owners, self.places]

    def as_given(self, values: Tensor) -> Tensor:
        """`values` [tokens, ...] row after row in the order that rows were given in."""
        if bool((np.diff(self.starts) > 0).all()):
            return values
        rows = np.repeat(np.arange(self.rows), self.lengths)
        places = np.arange(len(rows)) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        return values.index_select(0, self.at(rows, places))

    def mean(self, hidden: Tensor) -> Tensor:
        """[rows, width]: each row's mean of `hidden` [tokens, width], in float32."""
        blocks = hidden.float().split([rows * length for rows, length in self.runs])
        means = [block.view(rows, length, -1).mean(1) for block, (rows, length) in zip(blocks, self.runs, strict=True)]
        ranks = np.argsort(np.argsort(self.starts, kind="stable"), kind="stable")
        return torch.cat(means)[moved(ranks, hidden.device)]


def pack(features: Sequence[Feature], vocabulary: Vocabulary, device: torch.device) -> Pack:
    """The features as one pack; a feature has one token at least."""
    lengths = np.fromiter((len(feature) for feature in features), np.int64, len(features))
    order = np.argsort(lengths, kind="stable")
    ids = np.concatenate([features[row].ids for row in order]).astype(np.int64)
    sizes = lengths[order]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    starts = np.empty_like(lengths)
    starts[order] = bounds[:-1]
    types = np.concatenate([features[row].types for row in order]).astype(np.int64) if vocabulary.types else None
    values, counts = np.unique(sizes, return_counts=True)
    return Pack(
        ids=moved(ids, device),
        types=None if types is None else moved(types, device),
        places=moved(np.arange(len(ids)) - np.repeat(bounds[:-1], sizes), device),
        bounds=moved(bounds.astype(np.int32), device),
        firsts=moved(starts, device),
        runs=tuple(zip(counts.tolist(), values.tolist(), strict=True)),
        starts=starts,
        lengths=lengths,
        pad=vocabulary.pad,
    )


def moved(values: NDArray[np.int64] | NDArray[np.int32], device: torch.device) -> Tensor:
    """An array as a tensor on the device; to a GPU it goes from pinned memory, without waiting."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
