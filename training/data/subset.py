"""Nested subsets of a training set: the first N examples of one pseudo-random order.

* The order depends on the task's name alone, not on a seed, a size, a model or a grid. So a subset is part of every larger one,
  and all models and seeds learn from the same examples.
* What is counted are examples: all windows of a long context go with it, and all endings of a question.
* Several languages are dealt out like cards: of the order's examples the first comes in the first language, the second in the
  second, and so on, and when all are through, each comes in the next language. Translations of one training set then give every
  choice of languages the same sentences at the same N, each in one language, and each language has N / languages of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from training.data.columns import columns_of
from training.data.features import Encoded
from training.data.joined import Joined, join

Item = TypeVar("Item")
Places = NDArray[np.int64]


def subset(encoded: Encoded, examples: int) -> Encoded:
    """The first `examples` examples of a task's training set, read where they lie; the whole where it has no more, or for 0."""
    parts = encoded.parts if isinstance(encoded, Joined) else (encoded,)
    counts = [len(part.examples) for part in parts]
    if not examples or examples >= sum(counts):
        return encoded
    chosen = chosen_examples(encoded.row.name, counts, examples)
    return join([_part(part, places) for part, places in zip(parts, chosen, strict=True) if len(places)])


def example_count(encoded: Encoded) -> int:
    """How many different examples a training set holds."""
    parts = encoded.parts if isinstance(encoded, Joined) else (encoded,)
    return sum(len(part.examples) for part in parts)


def chosen_examples(task: str, counts: Sequence[int], examples: int) -> list[Places]:
    """Which examples of each language are among the first so many, rising; `counts` are how many each language has."""
    order = example_order(task, max(counts))
    languages, found = len(counts), [np.zeros(0, dtype=np.int64)] * len(counts)
    left, places = examples, np.arange(len(order))
    for turn in range(languages):
        owners = (places + turn) % languages
        there = order < np.asarray(counts)[owners]
        taken, owned = order[there][:left], owners[there][:left]
        found = [np.concatenate([seen, taken[owned == number]]) for number, seen in enumerate(found)]
        left -= len(taken)
    return [np.sort(seen) for seen in found]


def example_order(task: str, count: int) -> Places:
    """The places of `count` examples in the order of a task: by the mixed bits of each place (splitmix64).

    That of fewer examples is what is left of it when the others are struck out.
    """
    start = np.frombuffer(hashlib.sha256(task.encode()).digest()[:8], dtype="<u8")
    mixed = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


def _part(part: Encoded, places: Places) -> Encoded:
    """The examples at `places` of one language's training set, with all their features."""
    columns = columns_of(part.features)
    features = np.flatnonzero(np.isin(columns["example"], places))
    lengths = np.diff(columns["rows"])[features]
    return Encoded(part.row, Chosen(part.examples, places), Chosen(part.features, features), part.group, int(lengths.sum()))


class Chosen(Sequence[Item]):
    """Some items of a sequence, none of them copied; `places` rise."""

    def __init__(self, whole: Sequence[Item], places: Places) -> None:
        self._whole, self._places = whole, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return Chosen(self._whole, self._places[index])
        return self._whole[int(self._places[index])]
