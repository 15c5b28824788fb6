"""JSON, read strictly, and the fields of a record: every fault has a cause, a value and a remedy, whatever the input holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training.data.files import read_text
from training.data.request import Findings, is_text
from training.tasks.row import Split

Record = dict[str, Any]


class FieldError(Exception):
    """A field of a record is missing or wrong: cause, value, remedy."""


class JsonError(Exception):
    """A text is not JSON as it has to be: line (from 1) and cause."""


class _RepeatedKeyError(ValueError):
    pass


def json_value(text: str) -> Any:
    """The value of a JSON text; raises JsonError, also for a key that an object holds twice (one value would be lost)."""
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise JsonError(error.lineno, f"not JSON at column {error.colno}: {error.msg}") from error
    except _RepeatedKeyError as error:
        raise JsonError(1, f"an object holds the key {str(error)!r} twice") from error
    except RecursionError as error:
        raise JsonError(1, "JSON that is nested too deeply") from error
    except ValueError as error:
        raise JsonError(1, f"a number that can't be read ({error})") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def records(content: Sequence[str], findings: Findings) -> Iterator[tuple[int, Record]]:
    """(line number, object) of JSON lines; a line that holds no object is noted in `findings`."""
    for number, line in enumerate(content, 1):
        try:
            record = json_value(line)
        except JsonError as error:
            findings.add(number, str(error.args[1]), line, "write one JSON object a line")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            findings.add(number, "not a JSON object", line, "write one JSON object a line")


def text_of(record: Record, key: str) -> str:
    """The text of a field; raises FieldError when it is missing, blank or no text."""
    found = record.get(key)
    if not is_text(found):
        raise FieldError(f"no text {key!r}", "" if found is None else found, f"give {key!r} a text that is not empty")
    return found


def check_endings(endings: Sequence[str], wanted: int) -> None:
    """Raises FieldError unless there are `wanted` endings (0: two or more)."""
    if len(endings) < 2 or (wanted and len(endings) != wanted):
        cause = f"{len(endings)} endings, not {wanted or 'two or more'}"
        raise FieldError(cause, list(endings), "give every line as many endings")


def choice_of(value: object, choices: int, split: str, names: str = "0123456789") -> int | None:
    """Index of the right ending, from a number or from one of `names`; None where a test line carries none.

    Raises FieldError when the value names no ending.
    """
    if split == Split.TEST and (value is None or value == ""):
        return None
    number = names.index(value) if isinstance(value, str) and len(value) == 1 and value in names else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < choices:
        return number
    remedy = f"give one of {', '.join(names[:choices])}" if names[0].isalpha() else f"give a number from 0 to {choices - 1}"
    raise FieldError("a label outside the endings", "" if value is None else value, remedy)


def read_json(path: Path, findings: Findings) -> Any:
    """The value of a whole JSON file, or None with a finding where it is none; raises DataError when it can't be read."""
    try:
        return json_value(read_text(path))
    except JsonError as error:
        line, cause = error.args
        findings.add(line, cause, "", "fetch the file again")
        return None
