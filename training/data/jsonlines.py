"""One JSON object a line: multiple-choice tasks (HellaSwag, COPA, XCOPA)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from training.data.examples import Choices
from training.data.files import lines, read_text
from training.data.request import Findings, ReadRequest, is_text
from training.tasks.row import Split

_ASKED = {"cause": "What was the cause?", "effect": "What happened as a result?"}


def read_hellaswag(request: ReadRequest) -> list[Choices]:
    """Choices from `{"ctx", "endings", "label"}` lines, whether of the original files or of copies with these fields alone.

    The context is `ctx` as it is written (copies put the activity and a colon before it). `group` is `activity_label`, else
    what stands before the first colon of `ctx`, so that clips of one activity stay together. A test line without a label has
    None. Raises DataError or Faults.
    """
    return _read(request, _hellaswag_fields)


def read_copa(request: ReadRequest) -> list[Choices]:
    """Choices from `{"premise", "choice1", "choice2", "question", "label"}` lines of COPA or XCOPA.

    The context is the premise and the question asked of it, in English for every language: "What was the cause?" or "What
    happened as a result?". In XTREME-R's blank test files every label is 0, which can't be told from gold and is read as it is.
    Raises DataError or Faults.
    """
    return _read(request, _copa_fields)


class _FieldError(Exception):
    """A field of a line is missing or wrong: cause, value, remedy."""


_Fields = tuple[str, tuple[str, ...], str]


def _read(request: ReadRequest, fields: Callable[[dict[str, Any]], _Fields]) -> list[Choices]:
    path = request.path()
    findings = Findings(path)
    examples: list[Choices] = []
    for number, record in _records(lines(read_text(path)), findings):
        try:
            context, endings, group = fields(record)
            _check_endings(endings, len(request.row.labels) or (len(examples[0].endings) if examples else 0))
            label = _label(record.get("label"), len(endings), request.split)
        except _FieldError as fault:
            findings.add(number, *fault.args)
            continue
        examples.append(Choices(request.id_of(number - 1), context, endings, label, group))
    return findings.settle(examples)


def _records(content: list[str], findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(content, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            findings.add(number, f"not JSON at column {error.colno}: {error.msg}", line, "write one JSON object a line")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            findings.add(number, "not a JSON object", line, "write one JSON object a line")


def _hellaswag_fields(record: dict[str, Any]) -> _Fields:
    context = _text(record, "ctx")
    endings = record.get("endings")
    if not isinstance(endings, list) or not all(is_text(ending) for ending in endings):
        raise _FieldError("no list of texts 'endings'", endings, "give the endings as a list of texts, none empty")
    activity = record.get("activity_label")
    before, colon, _ = context.partition(":")
    return context, tuple(endings), str(activity) if activity else before.strip() if colon else ""


def _copa_fields(record: dict[str, Any]) -> _Fields:
    asked = record.get("question")
    if asked not in _ASKED:
        raise _FieldError("a question that is neither cause nor effect", asked, "write cause or effect")
    return f"{_text(record, 'premise')} {_ASKED[asked]}", (_text(record, "choice1"), _text(record, "choice2")), ""


def _text(record: dict[str, Any], key: str) -> str:
    found = record.get(key)
    if not is_text(found):
        raise _FieldError(f"no text {key!r}", "" if found is None else found, f"give {key!r} a text that is not empty")
    return found


def _check_endings(endings: tuple[str, ...], wanted: int) -> None:
    if len(endings) < 2 or (wanted and len(endings) != wanted):
        raise _FieldError(
            f"{len(endings)} endings, not {wanted or 'two or more'}", list(endings), "give every line as many endings"
        )


def _label(value: object, choices: int, split: str) -> int | None:
    if split == Split.TEST and (value is None or value == ""):
        return None
    number = int(value) if isinstance(value, str) and len(value) == 1 and value in "0123456789" else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < choices:
        return number
    raise _FieldError("a label outside the endings", "" if value is None else value, f"give a number from 0 to {choices - 1}")
