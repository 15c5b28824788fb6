"""From what does not fit a schema to faults with file, line, key, value and remedy.

A fault says `file:line`, the key, the value that was seen, and what may be written there instead.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from search_spaces.checks import nearest
from search_spaces.document import Document, Fault, Path
from search_spaces.values import Part
from training.errors import UserError

_CAUSES = {
    "missing": "a required key is missing",
    "extra_forbidden": "unknown key",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "string_type": "must be text",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
}
_OWN_KEY = "[key]"
_MAPPING = "one `key: value` a line"
LONGEST_VALUE = 80
Place = Callable[[Path], Path]
"""From a place of the schema to the place in the file."""


def as_error(subject: str, fault: Fault) -> UserError:
    """A fault of the file `subject` as the error a user reads."""
    place = f"{subject}:{fault.line}" if fault.line else subject
    key = ".".join(str(part) for part in fault.path)
    return UserError(f"{place}: {key + ': ' if key else ''}{fault.cause}", fault.value, fault.remedy)


def schema_faults(document: Document, error: ValidationError, schema: type[Part], place: Place) -> Iterator[Fault]:
    """The faults of a document that does not fit `schema`."""
    details = error.errors(include_url=False)
    told: list[Fault] = []
    wrong = [detail["loc"] for detail in details]
    for detail in details:
        loc = detail["loc"]
        # A list whose every item is wrong is reported as too short as well.
        if detail["type"] == "too_short" and any(other[: len(loc)] == loc and other != loc for other in wrong):
            continue
        fault = _schema_fault(document, detail, schema, place)
        if fault not in told:  # a series is several settings, and one item of the file
            told.append(fault)
            yield fault


def _schema_fault(document: Document, detail: ErrorDetails, schema: type[Part], place: Place) -> Fault:
    loc = tuple(part for part in detail["loc"] if part != _OWN_KEY)
    keys, description = _expected_at(schema, loc)
    loc = place(loc)
    path = document.known(loc)
    if detail["type"] == "extra_forbidden":
        return document.fault((*path[:-1], loc[-1]), "unknown key", loc[-1], nearest(loc[-1], keys, "the keys here"))
    if detail["type"] == "missing":
        missing = (*path, loc[-1])
        return document.fault(missing, _CAUSES["missing"], "", f"add `{loc[-1]}`: {description}")
    remedy = detail.get("ctx", {}).get("remedy") or f"write {description or _MAPPING}"
    seen = "" if isinstance(detail["input"], Part) else _shown(detail["input"])
    return document.fault(path, _cause(detail), seen, remedy)


def _cause(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _CAUSES:
        return _CAUSES[kind].format(**context)
    message = detail["msg"].replace("Input should", "must")
    return message[:1].lower() + message[1:]


def _shown(value: object) -> str:
    """A value as YAML would have it, cut to what fits a line."""
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items()) + "}"
    elif isinstance(value, tuple):
        text = "[" + ", ".join(map(_shown, value)) + "]"
    elif value is None or isinstance(value, bool):
        text = "null" if value is None else str(value).lower()
    else:
        text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def _expected_at(schema: type[Part], loc: Path) -> tuple[list[str], str]:
    """The keys that fit beside the last part of a schema location, and what the deepest field on the way there takes."""
    parts: list[type[Part]] = [schema]
    description, named_by_user = "", False
    for name in loc:
        owner = None if named_by_user else next((part for part in parts if name in part.model_fields), None)
        keys = [field for part in parts for field in part.model_fields]
        named_by_user = False
        if owner is not None:
            found = owner.model_fields[str(name)]
            parts, description = list(_parts_of(found.annotation)), found.description or ""
            named_by_user = typing.get_origin(found.annotation) is Mapping
    return list(dict.fromkeys(keys)) if loc else list(schema.model_fields), description


def _parts_of(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, Part):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _parts_of(inner)
