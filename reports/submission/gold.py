"""Gold of test sets that have it, in the shape a metric takes and as files of labels in a submission's layout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.scoring.forms import FileForm, Form
from reports.submission.files import text_of
from training.data.examples import Comparable, Example, Mention, Question, SentenceQuestion
from training.data.passages import candidate_names
from training.errors import DataError
from training.metrics.scores import gold_of
from training.tasks.row import TaskRow

Examples = Mapping[str, Sequence[Example]]
"""By language."""


def gold_by_language(row: TaskRow, examples: Examples) -> dict[str, Any]:
    """Gold of each language that has all of it, as the row's metric takes it.

    Answer sentences are named (`passages.candidate_names`), and are those of every language; ids stand for positions there.
    """
    if any(isinstance(item, SentenceQuestion) for items in examples.values() for item in items):
        return _answer_sentences(examples)
    found = {language: _gold(row, items) for language, items in examples.items()}
    return {language: gold for language, gold in found.items() if gold is not None}


def _gold(row: TaskRow, items: Sequence[Example]) -> Any:
    first = items[0]
    if isinstance(first, Comparable):
        return first.gold
    if isinstance(first, Mention):
        named = {item.id: item.entity for item in items if isinstance(item, Mention)}
        return None if None in named.values() else named
    try:
        return gold_of(row, items)
    except DataError:
        return None


def _answer_sentences(examples: Examples) -> dict[str, dict[str, set[str]]]:
    """Question id to the names of all sentences that answer it, of every language; nothing where a language lacks gold."""
    answers: dict[str, set[str]] = {}
    for item in _sentence_questions(examples):
        if item.gold is None:
            return {}
        names = candidate_names(item)
        answers.setdefault(item.id, set()).update(names[place] for place in item.gold)
    return {language: {item.id: answers[item.id] for item in items} for language, items in examples.items()}


def _sentence_questions(examples: Examples) -> Iterator[SentenceQuestion]:
    for items in examples.values():
        yield from (item for item in items if isinstance(item, SentenceQuestion))


def label_text(form: FileForm, gold: Any, items: Sequence[Example]) -> str:
    """A file of labels: what a right submission would hold, but SQuAD JSON for answers, of which there may be several."""
    if form.form is Form.ANSWERS:
        return _squad_json(items)
    if form.form is Form.ENTITIES:
        return text_of(form, {name: [entity] for name, entity in gold.items()})
    if form.form is Form.CANDIDATES:
        return text_of(form, {name: sorted(names) for name, names in gold.items()})
    return text_of(form, gold)


def _squad_json(items: Sequence[Example]) -> str:
    questions = [item for item in items if isinstance(item, Question)]
    asked = [
        {
            "context": item.context,
            "qas": [
                {
                    "id": item.id,
                    "question": item.question,
                    "answers": [{"text": answer.text, "answer_start": answer.start} for answer in item.answers],
                }
            ],
        }
        for item in questions
    ]
    return json.dumps({"data": [{"title": "", "paragraphs": asked}]}) + "\n"
