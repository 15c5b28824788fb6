"""Scores of one task in one language, by the metric its row names. All are percentages, 0..100.

`score` is the task's headline number by XTREME's convention: accuracy; span or tag F1; the mean of exact match and F1 for span
extraction. Over languages XTREME takes the unweighted mean.

| kind                              | predictions and gold                                        |
|-----------------------------------|-------------------------------------------------------------|
| classification, multiple choice   | a list of label indices                                     |
| tagging                           | a list of tag indices for each sentence                     |
| span extraction                   | id -> text; gold: id -> the texts of all gold answers       |
| retrieval                         | a list of candidate indices                                 |
| masked language modelling         | a list of token ids                                         |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from training.data.examples import Bitext, Choices, Example, Question, Sentences, Tagged
from training.data.squad import WITHHELD
from training.errors import DataError
from training.metrics.answers import mlqa_scores, squad_scores
from training.metrics.classification import accuracy
from training.metrics.retrieval import retrieval_accuracy
from training.metrics.spans import official_tag_f1, span_f1
from training.tasks.row import TaskRow

Scores = dict[str, float]
Metric = Callable[[TaskRow, str, Any, Any], Scores]


def score(row: TaskRow, language: str, predictions: Any, gold: Any) -> Scores:
    """Named scores of one language, `score` among them; predictions and gold as in the module's table.

    Raises ValueError when predictions and gold differ in number, KeyError when the row names no known metric.
    """
    return METRICS[row.metric](row, language, predictions, gold)


def gold_of(row: TaskRow, examples: Sequence[Example]) -> Any:
    """Gold of a split in the shape `score` takes; raises DataError when any of it is withheld.

    Text for masked language modelling has none of its own (the masking makes it) and raises TypeError.
    """
    found = [_gold(example) for example in examples]
    missing = sum(gold is None for gold in found)
    if not found:
        raise ValueError("no examples to score")
    if missing:
        raise DataError(
            f"task {row.name} can't be scored: {missing} of {len(found)} examples carry no gold",
            str(row.scored_on),
            "use files with their gold put back, or make a submission of the predictions",
        )
    if isinstance(examples[0], Question):
        return {example.id: gold for example, gold in zip(examples, found, strict=True)}
    return found[0] if isinstance(examples[0], Bitext) else found


def _gold(example: Example) -> Any:
    match example:
        case Sentences(label=label) | Choices(label=label):
            return label
        case Tagged(tags=tags):
            return None if tags is None else list(tags)
        case Question(answers=answers):
            return None if answers == WITHHELD else [answer.text for answer in answers]
        case Bitext(gold=gold):
            return None if gold is None else list(gold)
    raise TypeError(f"a {type(example).__name__} has no gold")


def _accuracy(name: str, measure: Callable[[Sequence[int], Sequence[int]], float]) -> Metric:
    def measured(row: TaskRow, language: str, predictions: Sequence[int], gold: Sequence[int]) -> Scores:
        value = measure(predictions, gold)
        return {name: value, "score": value}

    return measured


def _tagging(name: str, measure: Callable[[list[list[str]], list[list[str]]], float]) -> Metric:
    def measured(row: TaskRow, language: str, predictions: Sequence[Sequence[int]], gold: Sequence[Sequence[int]]) -> Scores:
        value = measure(_named(row, predictions), _named(row, gold))
        words = accuracy([tag for tags in predictions for tag in tags], [tag for tags in gold for tag in tags])
        return {name: value, "word_accuracy": words, "score": value}

    return measured


def _named(row: TaskRow, sentences: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[row.labels[tag] for tag in tags] for tags in sentences]


def _squad(row: TaskRow, language: str, predictions: Mapping[str, str], gold: Mapping[str, Sequence[str]]) -> Scores:
    return _with_mean(squad_scores(predictions, gold))


def _mlqa(row: TaskRow, language: str, predictions: Mapping[str, str], gold: Mapping[str, Sequence[str]]) -> Scores:
    return _with_mean(mlqa_scores(predictions, gold, language))


def _with_mean(scores: Scores) -> Scores:
    return {**scores, "score": (scores["exact_match"] + scores["f1"]) / 2.0}


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": _accuracy("accuracy", accuracy),
        "span_f1": _tagging("span_f1", span_f1),
        "tag_f1": _tagging("tag_f1", official_tag_f1),
        "squad": _squad,
        "mlqa": _mlqa,
        "retrieval_accuracy": _accuracy("retrieval_accuracy", retrieval_accuracy),
        "mlm_accuracy": _accuracy("mlm_accuracy", accuracy),
    }
)
