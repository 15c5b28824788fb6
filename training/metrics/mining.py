"""Mining translations in comparable text, as XTREME scores BUCC 2018.

Cosine neighbours in both directions, a ratio margin, a greedy one-to-one matching and one threshold a language (Artetxe and
Schwenk 2019, arXiv 1811.01136; google-research/xtreme `third_party/utils_retrieve.py`). A threshold that is tuned on dev gold
makes the dev score an oracle's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.neighbours import MUTUAL_BLOCK, Floats, Indices, Vectors, mutual

NEIGHBOURS = 4
Pair = tuple[str, str]


@dataclass(frozen=True)
class Mined:
    """Pairs of indices (left, right), [pairs, 2], none used twice on a side, with their margins [pairs], best first."""

    pairs: Indices
    scores: Floats


def mine(left: Vectors, right: Vectors, k: int = NEIGHBOURS, block: int = MUTUAL_BLOCK, device: str = "cpu") -> Mined:
    """One-to-one pairs of `left` [sentences, width] and `right`, by the margin of each sentence's best neighbour.

    The margin of a pair is its cosine over the mean of both sides' mean cosines to their k nearest. Each sentence proposes the
    neighbour of largest margin (of equal ones the nearer); proposals are taken from the largest margin down, of equal ones the
    left side's first, as long as both sentences are free. As in the public script only margins above 0 are kept.
    """
    if not len(left) or not len(right):
        return Mined(np.empty((0, 2), dtype=np.int64), np.empty(0))
    (near, theirs), (back, ours) = mutual(left, right, k, block, device)
    left_mean, right_mean = near.mean(axis=1), back.mean(axis=1)
    forward = _ratio(near, (left_mean[:, None] + right_mean[theirs]) / 2)
    backward = _ratio(back, (right_mean[:, None] + left_mean[ours]) / 2)
    first, second = forward.argmax(axis=1), backward.argmax(axis=1)
    rows, columns = np.arange(len(left)), np.arange(len(right))
    pairs = np.concatenate([np.stack([rows, theirs[rows, first]], 1), np.stack([ours[columns, second], columns], 1)])
    return _one_to_one(pairs, np.concatenate([forward[rows, first], backward[columns, second]]))


def _ratio(cosines: Floats, means: Floats) -> Floats:
    return np.divide(cosines, means, out=np.zeros_like(cosines), where=means != 0)


def _one_to_one(pairs: Indices, scores: Floats) -> Mined:
    used_left, used_right, kept = set[int](), set[int](), []
    for place in np.argsort(-scores, kind="stable").tolist():
        left, right = pairs[place].tolist()
        if left in used_left or right in used_right:
            continue
        used_left.add(left)
        used_right.add(right)
        if scores[place] > 0:
            kept.append(place)
    return Mined(pairs[kept].reshape(-1, 2), scores[kept])


def best_threshold(scores: Floats, correct: NDArray[np.bool_], gold: int) -> float:
    """The threshold of largest F1 when pairs with `scores` (descending) at or above it are taken; `gold` counts true pairs.

    Of equal F1 the one that takes fewest pairs; it lies half-way to the next lower score, since pairs of one score can't be
    told apart. 0 where no pair is correct. Raises ValueError on scores that do not descend.
    """
    if len(scores) != len(correct) or np.any(np.diff(scores) > 0):
        raise ValueError("scores must descend, one for each pair")
    if not np.any(correct):
        return 0.0
    f1 = 2.0 * np.cumsum(correct) / (np.arange(1, len(scores) + 1) + gold)
    ends = np.append(scores[:-1] > scores[1:], True)
    place = int(np.where(ends, f1, -1.0).argmax())
    upper = float(scores[place])
    if place + 1 == len(scores):
        return upper
    lower = float(scores[place + 1])
    half_way = (upper + lower) / 2
    return half_way if half_way > lower else upper


def pair_scores(predicted: Collection[Pair], gold: Collection[Pair]) -> dict[str, float]:
    """`f1`, `precision` and `recall` (0..100) of sets of pairs, 0 where none is right; raises ValueError without gold."""
    found, wanted = set(predicted), set(gold)
    if not wanted:
        raise ValueError("no pairs to score against")
    shared = len(found & wanted)
    precision = shared / len(found) if found else 0.0
    recall = shared / len(wanted)
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}
