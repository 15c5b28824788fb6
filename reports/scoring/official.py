"""Reads and scores one language of a task as XTREME's `evaluate.py` does (commit 838c13b6), its quirks included.

`OfficialStopError` stands for an exception that would end the script. See `docs/SCORES.md` for the quirks.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from reports.scoring.forms import FileForm, Form
from reports.scoring.sources import Source
from training.metrics.answers import normalise_mlqa, normalise_squad
from training.metrics.official import (
    OfficialStopError,
    answers_scores,
    label_accuracy,
    pair_scores,
    reciprocal_rank,
    same_number,
)
from training.metrics.spans import seqeval_scores


def official_scores(form: FileForm, predicted: Source, gold: Source, language: str) -> dict[str, float]:
    """The script's metrics, in percent; raises OfficialStopError where it would end without one."""
    match form.form:
        case Form.LABELS | Form.INDICES:
            return label_accuracy(_stripped(predicted), _stripped(gold))
        case Form.SPANS | Form.WORD_CLASSES:
            mine, true = _sentences(predicted), _sentences(gold)
            same_number(mine, true)
            return seqeval_scores(mine, true)
        case Form.PAIRS:
            return pair_scores(_stripped(predicted), _stripped(gold))
        case Form.CHOICES:
            return label_accuracy(_choices(predicted), _choices(gold))
        case Form.ANSWERS:
            normalise = partial(normalise_mlqa, language=language) if form.by_language else normalise_squad
            return answers_scores(_document(predicted), _questions(_document(gold)), normalise)
        case Form.ENTITIES:
            return reciprocal_rank(_document(predicted), _document(gold))
    raise OfficialStopError("the official script has no languages for this task, so it scores none of its files")


def _stripped(source: Source) -> list[str]:
    return [line.strip() for line in source.lines]


def _sentences(source: Source) -> list[list[str]]:
    """Every blank line ends a sentence, even one without a tag."""
    sentences: list[list[str]] = [[]]
    for tag in _stripped(source):
        if tag:
            sentences[-1].append(tag)
        else:
            sentences.append([])
    return sentences if sentences[-1] else sentences[:-1]


def _json(text: str, source: Source) -> Any:
    if text.startswith("\ufeff"):
        raise OfficialStopError(f"JSONDecodeError: {source.path.name} begins with a byte order mark")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OfficialStopError(f"{type(error).__name__}: {error}") from None


def _document(source: Source) -> Any:
    """A JSON document; one with a key `data` stands for what that key holds, in predictions too."""
    document = _json(source.text, source)
    if not isinstance(document, (dict, list, str)):
        raise OfficialStopError("TypeError: not a JSON object")
    return document["data"] if isinstance(document, dict) and "data" in document else document


def _questions(document: Any) -> list[tuple[Any, list[str]]]:
    """(id, gold texts) in the order of the document; no texts where they can't be read, which matters once one is answered."""
    try:
        return [
            (question["id"], _texts(question))
            for article in document
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (TypeError, KeyError, IndexError) as error:
        raise OfficialStopError(f"{type(error).__name__}: labels that are not SQuAD JSON ({error})") from None


def _texts(question: Any) -> list[str]:
    answers = question.get("answers") if isinstance(question, dict) else None
    texts = [answer.get("text") for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []
    whole = isinstance(answers, list) and len(texts) == len(answers) and all(isinstance(text, str) for text in texts)
    return [text for text in texts if isinstance(text, str)] if whole else []


def _choices(source: Source) -> list[Any]:
    found = []
    for line in source.lines:
        record = _json(line, source)
        if not isinstance(record, dict) or "label" not in record:
            raise OfficialStopError("KeyError: a line without a label")
        found.append(record["label"])
    return found
