"""What each scored item adds to a headline score, so that intervals can be had without the predictions.

An item is an example, a sentence, a question or a query; mined pairs are dealt into `BUCKETS` by their sentence. The score of
any subset of items, or of items drawn with repetition, follows from the sums of their rows:

| form   | columns                    | score (0..100)                                    |
|--------|----------------------------|---------------------------------------------------|
| `mean` | any number, each 0..1      | mean over items of the mean over columns          |
| `f1`   | shared, found, wanted      | 2 shared / (found + wanted), 0 where none is shared |
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.metrics.classification import check_lengths

BUCKETS = 1024
"""Into how many items the pairs of a mining task are dealt: tens of thousands of sentences have none."""


class Form(StrEnum):
    """How sums of columns become a score."""

    MEAN = "mean"
    F1 = "f1"


class Units(NamedTuple):
    """`values` is [items, columns]."""

    form: Form
    values: NDArray[Any]


def means(columns: Iterable[Collection[float]]) -> Units:
    """Units of form `mean` from columns of equal length, hits (0 or 1) kept in a byte each."""
    values = np.stack([np.asarray(list(column), dtype=np.float64) for column in columns], axis=1)
    return Units(Form.MEAN, smallest(values))


def matches(predicted: Collection[object], gold: Collection[object]) -> Units:
    """Units of an accuracy; raises ValueError where the numbers differ."""
    check_lengths(list(predicted), list(gold), "predictions and labels")
    return means([[left == right for left, right in zip(predicted, gold, strict=True)]])


def counts(values: Iterable[tuple[int, int, int]]) -> Units:
    """Units of form `f1` from (shared, found, wanted) of each item."""
    return Units(Form.F1, smallest(np.array(list(values), dtype=np.float64).reshape(-1, 3)))


def pairs(predicted: Collection[tuple[str, str]], gold: Collection[tuple[str, str]]) -> Units:
    """Units of an F1 of pairs, [BUCKETS, 3]: a pair's bucket follows from its first name."""
    found, wanted = set(predicted), set(gold)
    values = np.zeros((BUCKETS, 3))
    for column, members in enumerate((found & wanted, found, wanted)):
        places = [zlib.crc32(pair[0].encode()) % BUCKETS for pair in members]
        np.add.at(values[:, column], places, 1)
    return Units(Form.F1, smallest(values))


def score_of(units: Units) -> float:
    """The score of all items; equals the metric's own up to rounding. Raises ValueError without items."""
    if not len(units.values):
        raise ValueError("no items to score")
    return float(scores_of(units.form, units.values.sum(0, dtype=np.float64), len(units.values)))


def scores_of(form: Form, sums: NDArray[Any], items: float) -> NDArray[np.float64]:
    """Scores from sums over `items` items each: [..., columns] to [...]."""
    if form is Form.MEAN:
        return np.asarray(100.0 * sums.mean(-1) / items)
    shared, both = sums[..., 0], sums[..., 1] + sums[..., 2]
    return np.asarray(200.0 * np.divide(shared, both, out=np.zeros_like(shared, dtype=np.float64), where=both > 0))


def smallest(values: NDArray[np.float64]) -> NDArray[Any]:
    """The same values in bytes where whole numbers fit, in 16 or 32 bits where they are larger, else in single precision."""
    if not np.array_equal(values, np.rint(values)):
        return values.astype(np.float32)
    top = values.max(initial=0)
    return values.astype(np.uint8 if top < 2**8 else np.int16 if top < 2**15 else np.int32)
