"""Prepares tasks in a process of its own, since the library reads the hub's address when it is imported.

Called with one JSON argument: data, tasks, languages (or none), revisions, workers, only (null: native files too). Faults go to
stderr, with exit code 2.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from training.data.manifest import Manifest, Origin, SplitEntry
from training.data.prepare import Wish, prepare
from training.data.units import Unit
from training.errors import UserError
from training.tasks.intermediate_rows import INTERMEDIATE_ROWS
from training.tasks.xtreme_rows import XTREME_ROWS

ROWS = {row.name: row for row in (*INTERMEDIATE_ROWS, *XTREME_ROWS)}


class _Printing:
    def began(self, units: int, skipped: int) -> None:
        sys.stdout.write(f"to do {units}, there {skipped}\n")

    def unit_done(self, unit: Unit, entry: SplitEntry | None, cause: str) -> None:
        sys.stdout.write(f"{unit.row.name} {unit.split}/{unit.language} {'failed' if cause else entry and entry.rows}\n")

    def task_done(self, manifest: Manifest, absent: int) -> None:
        sys.stdout.write(f"{manifest.task} done at {manifest.revision}\n")


def _main(asked: dict[str, object]) -> int:
    languages = tuple(map(str, asked.get("languages") or ()))
    rows = [ROWS[name] for name in asked["tasks"]]
    if languages:
        rows = [replace(row, languages=languages) for row in rows]
    wish = Wish(
        rows=rows,
        data=Path(str(asked["data"])),
        only=Origin.HUB if asked.get("only", "hub") else None,
        revisions=dict(asked.get("revisions") or {}),
        workers=int(str(asked.get("workers", 1))),
    )
    try:
        prepare(wish, _Printing())
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1])))
