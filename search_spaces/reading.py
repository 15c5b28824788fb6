"""Reading a grid: from a name or a file to a `Grid`, or to every fault of it at once.

A fault says `file:line`, the key, the value that was seen, and what may be written there instead.
"""

from __future__ import annotations

import pathlib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from search_spaces.catalogue import grids
from search_spaces.checks import nearest, task_faults
from search_spaces.document import Document, Fault, Path, read_document
from search_spaces.schema import Grid
from search_spaces.values import Part
from training.errors import Faults, UserError
from training.tasks.row import TaskRow

_CAUSES = {
    "missing": "a required key is missing",
    "extra_forbidden": "unknown key",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "string_type": "must be text",
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
LONGEST_VALUE = 80


def load_grid(name_or_path: str, rows: Mapping[str, TaskRow] | None = None) -> Grid:
    """Read a shipped grid by its name, or any other by its path (with a `/` or ending in `.yaml`).

    Args:
        name_or_path: `demo`, or `./mine.yaml`.
        rows: the tasks a grid may name, by name; all that the project knows when None.

    Raises:
        UserError: no grid has the name, or the file can't be read.
        Faults: every fault of the grid, each with file and line.
    """
    path = _grid_path(name_or_path)
    return read_grid(_text(path), str(path) if _is_path(name_or_path) else path.name, _known_rows() if rows is None else rows)


def read_grid(text: str, subject: str, rows: Mapping[str, TaskRow]) -> Grid:
    """Read a grid from YAML text; `subject` is what its faults call the file. Raises Faults."""
    document = read_document(text)
    faults = [*document.faults, *task_faults(document, rows)]
    grid = None
    if document.value is not None:
        try:
            grid = Grid.model_validate(document.value)
        except ValidationError as error:
            faults.extend(_schema_faults(document, error))
    if grid is not None and not faults:
        return grid
    faults.sort(key=lambda fault: fault.line)
    raise Faults(f"the grid {subject}", [_as_error(subject, fault) for fault in faults])


def _known_rows() -> Mapping[str, TaskRow]:
    from training.tasks.registry import ROWS

    return ROWS


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(".yaml")


def _grid_path(name: str) -> pathlib.Path:
    if _is_path(name):
        return pathlib.Path(name)
    known = grids()
    if name not in known:
        remedy = nearest(name, known, "the shipped grids")
        listed = f"; the shipped grids: {', '.join(known)}" if remedy.startswith("did") else ""
        raise UserError("no grid has this name", name, f"{remedy}{listed} (a file of your own is named by its path)")
    return known[name]


def _text(path: pathlib.Path) -> str:
    try:
        return path.expanduser().read_bytes().decode("utf-8-sig")
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "give the name of a shipped grid (`sweep grids` lists them) or the path of a YAML file in UTF-8"
        raise UserError(f"the grid file can't be read ({reason})", path, remedy) from error


def _as_error(subject: str, fault: Fault) -> UserError:
    place = f"{subject}:{fault.line}" if fault.line else subject
    key = ".".join(str(part) for part in fault.path)
    return UserError(f"{place}: {key + ': ' if key else ''}{fault.cause}", fault.value, fault.remedy)


def _schema_faults(document: Document, error: ValidationError) -> Iterator[Fault]:
    details = error.errors(include_url=False)
    wrong = [detail["loc"] for detail in details]
    for detail in details:
        loc = detail["loc"]
        # A list whose every item is wrong is reported as too short as well.
        if detail["type"] == "too_short" and any(other[: len(loc)] == loc and other != loc for other in wrong):
            continue
        yield _schema_fault(document, detail)


def _schema_fault(document: Document, detail: ErrorDetails) -> Fault:
    loc = tuple(part for part in detail["loc"] if part != _OWN_KEY)
    path = document.known(loc)
    keys, description = _expected_at(loc)
    if detail["type"] == "extra_forbidden":
        return document.fault((*path[:-1], loc[-1]), "unknown key", loc[-1], nearest(loc[-1], keys, "the keys here"))
    if detail["type"] == "missing":
        missing = (*path, loc[-1])
        return document.fault(missing, _CAUSES["missing"], "", f"add `{loc[-1]}`: {description}")
    remedy = detail.get("ctx", {}).get("remedy") or f"write {description}"
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


def _expected_at(loc: Path) -> tuple[list[str], str]:
    """The keys that fit beside the last part of a schema location, and what the deepest field on the way there takes."""
    parts: list[type[Part]] = [Grid]
    description, named_by_user = "", False
    for name in loc:
        owner = None if named_by_user else next((part for part in parts if name in part.model_fields), None)
        keys = [field for part in parts for field in part.model_fields]
        named_by_user = False
        if owner is not None:
            found = owner.model_fields[str(name)]
            parts, description = list(_parts_of(found.annotation)), found.description or ""
            named_by_user = typing.get_origin(found.annotation) is Mapping
    return list(dict.fromkeys(keys)) if loc else list(Grid.model_fields), description


def _parts_of(annotation: Any) -> Iterator[type[Part]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, Part):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _parts_of(inner)
