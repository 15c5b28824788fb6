"""Every task the project knows, by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from training.errors import UserError
from training.tasks.intermediate_rows import INTERMEDIATE_ROWS
from training.tasks.mini_rows import MINI_ROWS
from training.tasks.retrieval_rows import RETRIEVAL_ROWS
from training.tasks.row import TaskRow
from training.tasks.translated_rows import TRANSLATED_ROWS
from training.tasks.xtreme_r_rows import XTREME_R_ROWS
from training.tasks.xtreme_rows import XTREME_ROWS

ALL_ROWS = (*INTERMEDIATE_ROWS, *TRANSLATED_ROWS, *XTREME_ROWS, *XTREME_R_ROWS, *RETRIEVAL_ROWS, *MINI_ROWS)
ROWS: Mapping[str, TaskRow] = MappingProxyType({row.name: row for row in ALL_ROWS})


def row(name: str) -> TaskRow:
    """The row of a task; raises UserError with the nearest known names when there is none."""
    if name in ROWS:
        return ROWS[name]
    near = difflib.get_close_matches(name, ROWS, n=3)
    remedy = f"did you mean {' or '.join(near)}?" if near else f"the known tasks are {', '.join(ROWS)}"
    raise UserError("no task has this name", name, remedy)
