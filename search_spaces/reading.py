"""Reading a grid: from a name or a file to a `Grid`, or to every fault of it at once.

A fault says `file:line`, the key, the value that was seen, and what may be written there instead.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from functools import partial

from pydantic import ValidationError

from search_spaces.catalogue import grids
from search_spaces.checks import nearest, task_faults
from search_spaces.document import Document, Path, read_document
from search_spaces.faults import as_error, schema_faults
from search_spaces.own_tasks import own_rows
from search_spaces.schema import Grid
from search_spaces.series import numbered
from training.errors import Faults, UserError
from training.tasks.row import TaskRow


def load_grid(name_or_path: str, rows: Mapping[str, TaskRow] | None = None) -> Grid:
    """Read a shipped grid by its name, or any other by its path (with a `/` or ending in `.yaml`).

    Args:
        name_or_path: `demo`, or `./mine.yaml`.
        rows: the tasks a grid may name, by name; all that the project knows and those of the grid's folder when None.

    Raises:
        UserError: no grid has the name, or the file can't be read.
        Faults: every fault of the grid, each with file and line.
    """
    path = _grid_path(name_or_path)
    return read_grid(
        _text(path), str(path) if _is_path(name_or_path) else path.name, known_rows(path) if rows is None else rows
    )


def read_grid(text: str, subject: str, rows: Mapping[str, TaskRow]) -> Grid:
    """Read a grid from YAML text; `subject` is what its faults call the file. Raises Faults."""
    document = read_document(text)
    faults = [*document.faults, *task_faults(document, rows)]
    grid = None
    if document.value is not None:
        try:
            grid = Grid.model_validate(document.value)
        except ValidationError as error:
            faults.extend(schema_faults(document, error, Grid, partial(_as_written, document)))
    if grid is not None and not faults:
        return grid.with_rows(rows)
    faults.sort(key=lambda fault: fault.line)
    raise Faults(f"the grid {subject}", [as_error(subject, fault) for fault in faults])


def known_rows(grid: pathlib.Path) -> Mapping[str, TaskRow]:
    """The tasks that the grid file `grid` may name: the project's, and those of the task files beside it; raises Faults."""
    from training.metrics.scores import METRICS
    from training.tasks.registry import ROWS

    return {**ROWS, **own_rows(grid.expanduser().parent, ROWS, METRICS)}


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


def _as_written(document: Document, loc: Path) -> Path:
    """A place of the schema as the file has it: series are one item, and the options of a mixture stand below its name."""
    if len(loc) < 2 or loc[0] != "intermediates" or not isinstance(document.value, Mapping):
        return loc
    listed = document.value["intermediates"]
    if not isinstance(listed, tuple) or not isinstance(loc[1], int):
        return loc
    spread = [place for place, _ in numbered(listed)]
    index = spread[loc[1]] if loc[1] < len(spread) else loc[1]
    item = listed[index] if index < len(listed) else None
    if len(loc) == 2 or not isinstance(item, Mapping) or len(item) != 1:
        return (loc[0], index, *loc[2:])
    (name,) = item
    options = isinstance(item[name], Mapping)
    return (loc[0], index, name, *(loc[2:] if options else loc[3:]))
