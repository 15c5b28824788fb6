"""Accuracy, and F1 over classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def accuracy(predicted: Sequence[object], gold: Sequence[object]) -> float:
    """Percentage of positions where two sequences of equal length agree.

    XTREME's scorer zips the two and divides by the number of predictions, so that one right prediction against three labels
    counts as 100; here different lengths, or none at all, raise ValueError.
    """
    check_lengths(predicted, gold, "predictions and labels")
    if len(gold) == 0:
        raise ValueError("no labels to score against")
    return 100.0 * sum(bool(left == right) for left, right in zip(predicted, gold, strict=True)) / len(gold)


def macro_f1(predicted: Sequence[Hashable], gold: Sequence[Hashable]) -> float:
    """Unweighted mean F1 (0..100) over the classes that occur on either side; raises ValueError as `accuracy` does.

    (Micro-averaged over all classes, F1 of one class a position is accuracy.)
    """
    check_lengths(predicted, gold, "predictions and labels")
    if len(gold) == 0:
        raise ValueError("no labels to score against")
    right = Counter(left for left, true in zip(predicted, gold, strict=True) if left == true)
    seen = Counter(predicted) + Counter(gold)
    return 100.0 * sum(2.0 * right[name] / count for name, count in seen.items()) / len(seen)


def check_lengths(predicted: Sequence[object], gold: Sequence[object], what: str) -> None:
    """Raise ValueError unless two sequences are equally long."""
    if len(predicted) != len(gold):
        raise ValueError(f"{what} differ in number: {len(predicted)} against {len(gold)}")
