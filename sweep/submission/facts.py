"""What a run folder says of the grid that its trials were made with: as much of it as predicting needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.resources import Resources
from search_spaces.schema import Data, Retrieval
from sweep.options import store_folder
from sweep.runfolder import RunMark, read_mark, store_of
from sweep.snapshots import Snapshot, read_snapshot
from sweep.steering.requests import launched
from training.errors import UserError
from training.stores.objects import is_address


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A run folder, its mark, and the parts of its last launch's grid.

    `data` are the changes of tasks' rows, `folder` the data folder (None: none was given), `store` the phase store on this
    machine. `models` maps a model to its source, its revision and its key.
    """

    run: Path
    mark: RunMark
    data: Mapping[str, Data]
    retrieval: Retrieval
    resources: Resources
    models: Mapping[str, tuple[str, str, str]]
    folder: Path | None
    store: Path

    def of_task(self, name: str) -> Data:
        """What the grid changes of a task's row."""
        return self.data.get(name, Data())


def facts_of(run: Path) -> Facts:
    """Read a run folder; raises UserError when it is none, or when its grid was not kept (an early version made it)."""
    mark, snapshot = read_mark(run), read_snapshot(run)
    if snapshot is None:
        remedy = f"give the launch's command again, which writes it and trains nothing that is there: sweep resume --run {run}"
        raise UserError("the run folder does not say which grid it is of (grid.json)", run, remedy)
    tree = _tree(snapshot)
    options = launched(run).get("options", {})
    folders = options.get("models") or {}
    models = {
        name: (str(folders.get(name, said.get("source", ""))), str(said.get("revision") or ""), snapshot.models.get(name, ""))
        for name, said in tree.get("models", {}).items()
    }
    return Facts(
        run=run,
        mark=mark,
        data={name: Data.model_validate_json(json.dumps(said)) for name, said in tree.get("data", {}).items()},
        retrieval=Retrieval.model_validate_json(json.dumps(tree.get("retrieval", {}))),
        resources=Resources.model_validate_json(json.dumps(tree.get("resources", {}))),
        models=models,
        folder=Path(options["data"]) if options.get("data") else None,
        store=_store(run, mark, options.get("store")),
    )


def _store(run: Path, mark: RunMark, word: object) -> Path:
    """The store of a run: behind an address it is this machine's own, which is filled as phases are asked for."""
    if isinstance(word, str) and is_address(word):
        found = store_folder(word)
        assert found is not None
        return found
    return store_of(run, mark)


def _tree(snapshot: Snapshot) -> dict[str, Any]:
    """The fields of a snapshot as they were before their names were joined; tasks and models have no dot in theirs."""
    tree: dict[str, Any] = {}
    for name, value in snapshot.fields.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree
