"""The files of a submission: predictions to text in the official forms, and back.

Positions stand for examples (labels, tags, indices, choices), ids for everything else. Text is ASCII where it is JSON, so that
no reader's locale has a part in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from reports.scoring.forms import FileForm, Form
from reports.scoring.reading import (
    read_answers,
    read_choices,
    read_indices,
    read_labels,
    read_pairs,
    read_rankings,
    read_tags,
)
from reports.scoring.sources import Source
from training.data.request import Findings


def text_of(form: FileForm, predictions: Any, candidates: Sequence[str] = ()) -> str:
    """The content of a file; `predictions` are as the task's metric takes them.

    Rankings of answer sentences are indices in `candidates`, or names.
    """
    return _WRITERS[form.form](form, predictions, candidates)


def predictions_of(form: FileForm, source: Source, findings: Findings) -> Any:
    """What `text_of` was given; rankings of answer sentences are names. `findings` notes what does not fit the form."""
    match form.form:
        case Form.LABELS:
            return [_place(form.labels, label) for label in read_labels(source, form.labels, findings)]
        case Form.CHOICES:
            return read_choices(source, findings)
        case Form.INDICES:
            return read_indices(source, findings)
        case Form.SPANS | Form.WORD_CLASSES:
            found = read_tags(source, form.labels, findings)
            return [[_place(form.labels, tag) for tag in sentence.tags] for sentence in found]
        case Form.PAIRS:
            return {tuple(line.split("\t")) for line in read_pairs(source, findings)}
        case Form.ANSWERS:
            return read_answers(source, findings)
    return read_rankings(source, findings)


def _place(labels: Sequence[str], label: str) -> int:
    return labels.index(label) if label in labels else -1


def _lines(words: Iterable[object]) -> str:
    return "".join(f"{word}\n" for word in words)


def _labels(form: FileForm, predictions: Sequence[int], candidates: Sequence[str]) -> str:
    return _lines(form.labels[number] for number in predictions)


def _tags(form: FileForm, predictions: Sequence[Sequence[int]], candidates: Sequence[str]) -> str:
    """A blank line between sentences and none at the end, where the official script would not count it anyway."""
    return "\n".join(_lines(form.labels[number] for number in tags) for tags in predictions)


def _indices(form: FileForm, predictions: Sequence[int], candidates: Sequence[str]) -> str:
    return _lines(predictions)


def _choices(form: FileForm, predictions: Sequence[int], candidates: Sequence[str]) -> str:
    return _lines(json.dumps({"label": number}) for number in predictions)


def _pairs(form: FileForm, predictions: Iterable[tuple[str, str]], candidates: Sequence[str]) -> str:
    return _lines(f"{mine}\t{english}" for mine, english in sorted(predictions))


def _by_id(form: FileForm, predictions: Mapping[str, Any], candidates: Sequence[str]) -> str:
    return json.dumps(dict(predictions), indent=0) + "\n"


def _named(form: FileForm, predictions: Mapping[str, Sequence[int | str]], candidates: Sequence[str]) -> str:
    named = {
        name: [candidates[place] if isinstance(place, int) else place for place in ranking]
        for name, ranking in predictions.items()
    }
    return json.dumps(named, indent=None) + "\n"


_WRITERS: Mapping[Form, Callable[[FileForm, Any, Sequence[str]], str]] = {
    Form.LABELS: _labels,
    Form.INDICES: _indices,
    Form.SPANS: _tags,
    Form.WORD_CLASSES: _tags,
    Form.ANSWERS: _by_id,
    Form.PAIRS: _pairs,
    Form.CHOICES: _choices,
    Form.ENTITIES: _by_id,
    Form.CANDIDATES: _named,
}
