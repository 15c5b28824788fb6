"""What a chain is made of, from its launch's grid: the pretrained model, and the data of each phase and of the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reports.model_card import Ingredient
from search_spaces.reading import load_grid
from search_spaces.schema import Model
from search_spaces.sources import SourceKind
from sweep.steering.requests import launched
from training.errors import UserError
from training.identity import Role
from training.record import TrialRecord
from training.tasks.registry import ROWS
from training.tasks.row import TaskRow

_USES = {Role.PRETRAIN: "pretraining text", Role.INTERMEDIATE: "intermediate task", Role.TARGET: "target task"}


@dataclass(frozen=True)
class Known:
    """The rows of tasks and the models that a run folder's grid names."""

    rows: Mapping[str, TaskRow]
    models: Mapping[str, Model] = field(default_factory=dict)


def known_of(run: Path, tell: Callable[[str], None]) -> Known:
    """Those of the latest launch's grid; where it can't be read any more, which `tell` hears of, the shipped tasks alone."""
    grid = str(launched(run).get("options", {}).get("grid", ""))
    try:
        if not grid:
            raise UserError("launch.json names no grid", run)
        read = load_grid(grid)
    except UserError as error:
        tell(f"the grid can't be read any more, so licences and sources may lack: {str(error).splitlines()[0]}")
        return Known(ROWS)
    return Known({**ROWS, **read.rows}, read.models)


def ingredients(record: TrialRecord, target: str, known: Known) -> list[Ingredient]:
    """The model, then the tasks in the order of their phases, then what was scored; each use is named once."""
    found = [_model(record, known), *_trained_on(record, known)]
    if target in known.rows:
        found.append(_of_row(known.rows[target], "scored on"))
    return list(dict.fromkeys(found))


def _model(record: TrialRecord, known: Known) -> Ingredient:
    model = known.models.get(record.model)
    if model is None:
        return Ingredient(name=record.model, use="pretrained model")
    if model.kind is SourceKind.MINI_WORLD:
        source = "weights of this project's own, from synthetic text"
        return Ingredient(name=record.model, use="pretrained model", licence="Apache-2.0", source=source)
    source = f"{model.source}@{model.revision}" if model.revision else model.source
    return Ingredient(name=record.model, use="pretrained model", source=source)


def _trained_on(record: TrialRecord, known: Known) -> Iterator[Ingredient]:
    for phase in record.phases:
        for use in phase.identity.tasks:
            row = known.rows.get(use.task)
            for part in (row.parts or (row,)) if row is not None else ():
                yield _of_row(part, _USES[phase.identity.role])
            if row is None:
                yield Ingredient(name=use.task, use=_USES[phase.identity.role])


def _of_row(row: TaskRow, use: str) -> Ingredient:
    return Ingredient(name=row.name, use=use, licence=row.licence, source=row.source, citation=row.citation)
