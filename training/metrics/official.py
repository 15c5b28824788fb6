"""What XTREME's `evaluate.py` (commit 838c13b6) gives for what two files hold, defects included, in percent.

Nothing is checked that it does not check; where it would end with an exception, `OfficialStopError` says why. Tagged files are
scored by `training.metrics.spans.seqeval_scores`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from training.metrics.answers import Normalise

BEST = 20
"""How many entities of a list count for Mewsli-X."""


class OfficialStopError(ValueError):
    """The official script ends with an exception here and gives no score at all."""


def same_number(predicted: Sequence[object], gold: Sequence[object]) -> None:
    """The script's only check: as many predictions as labels (sentences, for tags); raises OfficialStopError."""
    if len(predicted) != len(gold):
        raise OfficialStopError(f"AssertionError: {len(predicted)} predictions, {len(gold)} labels")


def label_accuracy(predicted: Sequence[object], gold: Sequence[object]) -> dict[str, float]:
    """`accuracy` over positions; raises OfficialStopError on other numbers, and on none at all."""
    same_number(predicted, gold)
    if not predicted:
        raise OfficialStopError("ZeroDivisionError: no predictions")
    return {"accuracy": 100.0 * sum(left == right for left, right in zip(predicted, gold, strict=True)) / len(predicted)}


def pair_scores(predicted: Iterable[str], gold: Iterable[str]) -> dict[str, float]:
    """`f1`, `precision` and `recall` of BUCC's lines as sets: a blank line on both sides counts as a right pair."""
    mine, true = set(predicted), set(gold)
    shared = len(mine & true)
    if not shared:
        return {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    precision, recall = shared / len(mine), shared / len(true)
    f1 = 2.0 * precision * recall / (precision + recall)
    return {"f1": 100.0 * f1, "precision": 100.0 * precision, "recall": 100.0 * recall}


def answers_scores(predicted: Any, gold: Sequence[tuple[Any, Sequence[str]]], normalise: Normalise) -> dict[str, float]:
    """`exact_match` and `f1` of `predicted` (id -> text) against questions in order, an id as often as it stands there.

    A question without a prediction counts 0. Raises OfficialStopError on an answered question without gold answers, an
    answer that is not text, predictions that can't be looked into, and no questions.
    """
    if not gold:
        raise OfficialStopError("ZeroDivisionError: no questions")
    matched = overlap = 0.0
    for name, answers in gold:
        if not _holds(predicted, name):
            continue
        exact, f1 = _best(predicted[name] if isinstance(predicted, dict) else None, answers, normalise)
        matched, overlap = matched + exact, overlap + f1
    return {"exact_match": 100.0 * matched / len(gold), "f1": 100.0 * overlap / len(gold)}


def reciprocal_rank(predicted: Any, gold: dict[str, Any]) -> dict[str, float]:
    """`map@20` of Mewsli-X: the mean reciprocal rank of the gold entity in the first 20, 0 where it or its list is missing.

    Raises OfficialStopError where a gold value holds no entity, or a prediction can't be cut to 20.
    """
    if not isinstance(predicted, dict) or not isinstance(gold, dict):
        raise OfficialStopError("AttributeError: not a JSON object")
    total = 0.0
    for name, entities in gold.items():
        if not isinstance(entities, (list, str)) or not entities or not isinstance(entities[0], str):
            raise OfficialStopError(f"no gold entity for {name!r}")
        listed = predicted.get(name, [])
        if not isinstance(listed, (list, str)):
            raise OfficialStopError(f"TypeError: no list of entities for {name!r}")
        wanted = entities[0].strip()
        total += next((1.0 / rank for rank, entity in enumerate(listed[:BEST], 1) if entity == wanted), 0.0)
    return {"map@20": 100.0 * total / len(gold) if gold else 0.0}


def _holds(predicted: Any, name: Any) -> bool:
    try:
        found: bool = name in predicted
    except TypeError as error:
        raise OfficialStopError(f"TypeError: {error}") from None
    if not found and not isinstance(name, str):
        raise OfficialStopError(f"TypeError: no prediction for the id {name!r}, which is not text")
    return found


def _best(text: Any, answers: Sequence[str], normalise: Normalise) -> tuple[float, float]:
    if not answers:
        raise OfficialStopError("ValueError: an answered question without gold answers")
    if not isinstance(text, str):
        raise OfficialStopError(f"an answer that is not text: {text!r}")
    mine = normalise(text)
    tokens = Counter(mine.split())
    exact = f1 = 0.0
    for answer in dict.fromkeys(answers):
        true = normalise(answer)
        exact = max(exact, float(mine == true))
        f1 = max(f1, _overlap(tokens, Counter(true.split())))
    return exact, f1


def _overlap(left: Counter[str], right: Counter[str]) -> float:
    shared = (left & right).total()
    return 2.0 * shared / (left.total() + right.total()) if shared else 0.0
