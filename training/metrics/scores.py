"""Scores of one task in one language, by the metric its row names. All are percentages, 0..100.

`score` is the task's headline number by XTREME's convention: accuracy; span or tag F1; the mean of exact match and F1 for span
extraction. `clean` is what it would be by the rules of `docs/SCORES.md`: token accuracy for word classes, answers compared by
rules of their own language, and the same number elsewhere. Over languages XTREME takes the unweighted mean.

| kind                              | predictions and gold                                        |
|-----------------------------------|-------------------------------------------------------------|
| classification, multiple choice   | a list of label indices                                     |
| tagging                           | a list of tag indices for each sentence                     |
| span extraction                   | id -> text; gold: id -> the texts of all gold answers       |
| retrieval: translations           | a list of candidate indices                                 |
| mining                            | a set of (id, English id)                                   |
| answer sentences                  | a list of rankings of candidates; gold: a list of sets      |
| entities                          | id -> a ranking of entity ids; gold: id -> entity id        |
| masked language modelling         | a list of token ids                                         |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from training.data.examples import Bitext, Choices, Example, Question, Sentences, Tagged
from training.data.squad import WITHHELD
from training.errors import DataError
from training.metrics.answers import mean_scores, mlqa_marks, squad_marks
from training.metrics.classification import accuracy, macro_f1
from training.metrics.clean_answers import clean_scores
from training.metrics.mining import Pair, pair_scores
from training.metrics.retrieval import average_precisions, percentage, reciprocal_ranks
from training.metrics.spans import f1_of, official_tag_counts, span_counts
from training.metrics.units import Units, counts, matches, means, pairs
from training.tasks.row import TaskRow

Scores = dict[str, float]


class Measured(NamedTuple):
    """Scores of one language, and what each item adds to the one called `score`."""

    scores: Scores
    units: Units


Metric = Callable[[TaskRow, str, Any, Any], Measured]


def score(row: TaskRow, language: str, predictions: Any, gold: Any) -> Scores:
    """Named scores of one language, `score` and `clean` among them; predictions and gold as in the module's table.

    Raises ValueError when predictions and gold differ in number, KeyError when the row names no known metric.
    """
    return measure(row, language, predictions, gold).scores


def measure(row: TaskRow, language: str, predictions: Any, gold: Any) -> Measured:
    """The scores that `score` gives, with the units of the headline; raises as it does."""
    found = METRICS[row.metric](row, language, predictions, gold)
    return found._replace(scores={**found.scores, "clean": found.scores.get("clean", found.scores["score"])})


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


def _accuracy(name: str, predicted: Sequence[object], gold: Sequence[object]) -> Measured:
    value = accuracy(predicted, gold)
    return Measured({name: value, "score": value}, matches(predicted, gold))


def _labels(row: TaskRow, language: str, predictions: Sequence[int], gold: Sequence[int]) -> Measured:
    return _accuracy("accuracy", predictions, gold)


def _nearest(row: TaskRow, language: str, predictions: Sequence[int], gold: Sequence[int]) -> Measured:
    return _accuracy("retrieval_accuracy", predictions, gold)


def _words(row: TaskRow, language: str, predictions: Sequence[int], gold: Sequence[int]) -> Measured:
    return _accuracy("mlm_accuracy", predictions, gold)


def _spans(row: TaskRow, language: str, predictions: Sequence[Sequence[int]], gold: Sequence[Sequence[int]]) -> Measured:
    found = span_counts(_named(row, predictions), _named(row, gold))
    value, words = f1_of(found), accuracy(_joined(predictions), _joined(gold))
    return Measured({"span_f1": value, "word_accuracy": words, "score": value}, counts(found))


def _word_classes(row: TaskRow, language: str, predictions: Sequence[Sequence[int]], gold: Sequence[Sequence[int]]) -> Measured:
    found = official_tag_counts(_named(row, predictions), _named(row, gold))
    value, mine, true = f1_of(found), _joined(predictions), _joined(gold)
    words = accuracy(mine, true)
    scores = {"tag_f1": value, "word_accuracy": words, "tag_macro_f1": macro_f1(mine, true), "score": value, "clean": words}
    return Measured(scores, counts(found))


def _joined(sentences: Sequence[Sequence[int]]) -> list[int]:
    return [tag for tags in sentences for tag in tags]


def _named(row: TaskRow, sentences: Sequence[Sequence[int]]) -> list[list[str]]:
    return [[row.labels[tag] for tag in tags] for tags in sentences]


def _squad(row: TaskRow, language: str, predictions: Mapping[str, str], gold: Mapping[str, Sequence[str]]) -> Measured:
    return _with_clean(squad_marks(predictions, gold), clean_scores(predictions, gold, language))


def _mlqa(row: TaskRow, language: str, predictions: Mapping[str, str], gold: Mapping[str, Sequence[str]]) -> Measured:
    return _with_clean(mlqa_marks(predictions, gold, language), clean_scores(predictions, gold, language))


def _with_clean(marks: Sequence[tuple[float, float]], clean: Scores) -> Measured:
    official, exact, f1 = mean_scores(marks), clean["exact_match"], clean["f1"]
    both = {"score": (official["exact_match"] + official["f1"]) / 2.0, "clean": (exact + f1) / 2.0}
    scores = {**official, "clean_exact_match": exact, "clean_f1": f1, **both}
    return Measured(scores, means([[mark[0] for mark in marks], [mark[1] for mark in marks]]))


def _pairs(row: TaskRow, language: str, predictions: Collection[Pair], gold: Collection[Pair]) -> Measured:
    found = pair_scores(predictions, gold)
    return Measured({**found, "score": found["f1"]}, pairs(predictions, gold))


def _tag_accuracy(row: TaskRow, language: str, predictions: Sequence[Sequence[int]], gold: Sequence[Sequence[int]]) -> Measured:
    return _accuracy("word_accuracy", _joined(predictions), _joined(gold))


def _rankings(row: TaskRow, language: str, predictions: Sequence[Sequence[int]], gold: Sequence[Collection[int]]) -> Measured:
    return _ranked(average_precisions(predictions, gold))


def _entities(row: TaskRow, language: str, predictions: Mapping[str, Sequence[str]], gold: Mapping[str, str]) -> Measured:
    return _ranked(reciprocal_ranks(predictions, gold))


def _ranked(marks: Sequence[float]) -> Measured:
    value = percentage(marks)
    return Measured({"map@20": value, "score": value}, means([marks]))


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": _labels,
        "span_f1": _spans,
        "tag_f1": _word_classes,
        "tag_accuracy": _tag_accuracy,
        "squad": _squad,
        "squad_v2": _squad,
        "mlqa": _mlqa,
        "retrieval_accuracy": _nearest,
        "mlm_accuracy": _words,
        "pair_f1": _pairs,
        "average_precision_20": _rankings,
        "reciprocal_rank_20": _entities,
    }
)
