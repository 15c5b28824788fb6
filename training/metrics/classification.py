"""Accuracy."""

from __future__ import annotations

from collections.abc import Sequence


def accuracy(predicted: Sequence[object], gold: Sequence[object]) -> float:
    """Percentage of positions where two sequences of equal length agree.

    XTREME's scorer zips the two and divides by the number of predictions, so that one right prediction against three labels
    counts as 100; here different lengths, or none at all, raise ValueError.
    """
    check_lengths(predicted, gold, "predictions and labels")
    if len(gold) == 0:
        raise ValueError("no labels to score against")
    return 100.0 * sum(bool(left == right) for left, right in zip(predicted, gold, strict=True)) / len(gold)


def check_lengths(predicted: Sequence[object], gold: Sequence[object], what: str) -> None:
    """Raise ValueError unless two sequences are equally long."""
    if len(predicted) != len(gold):
        raise ValueError(f"{what} differ in number: {len(predicted)} against {len(gold)}")
