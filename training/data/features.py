"""What encoding gives: one row of a batch, and a whole split of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.examples import Example
from training.tasks.row import TaskRow

Ints = NDArray[np.int32]
IGNORED = -100
"""The label of a place that has none."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a batch.

    `ids` and `types` are [length]; `example` is the index of its example. `label` is a class index, a pair (start, end) of
    token positions, or None. `positions` (tagging) are the places of words, each at one of its sub-words, with `words` and
    `tags`; `offsets` (span extraction) are [length, 2] characters of the context, -1 outside it; `special` marks special tokens
    (masking).
    """

    ids: Ints
    types: Ints
    example: int
    label: int | tuple[int, int] | None = None
    positions: Ints | None = None
    words: Ints | None = None
    tags: Ints | None = None
    offsets: Ints | None = None
    special: Ints | None = None

    def __len__(self) -> int:
        """Length in tokens."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A split in one language: its examples and their features; `group` is the number of features a training unit has."""

    row: TaskRow
    examples: Sequence[Example]
    features: Sequence[Feature]
    group: int = 1
    tokens: int = 0

    def __len__(self) -> int:
        """Number of training units: examples, windows, or groups of endings."""
        return len(self.features) // self.group
