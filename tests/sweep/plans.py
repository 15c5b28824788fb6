"""Plans without files and models: real grids over real rows, with digests made up from the names of what they would digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest.mock import patch

import sweep.planning.plan
import sweep.sources
from search_spaces.reading import read_grid
from search_spaces.schema import Grid
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan, make_plan
from sweep.planning.studies import StudySpec
from sweep.sources import ResolvedModel, resolve_sources
from training.identity import ModelIdentity
from training.record import RECORD_SCHEMA, Selection, Status, TrialRecord
from training.tasks.registry import ROWS

Digest = Callable[[str], str]

SMALL = """\
name: small
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates: [none, mini_nli]
targets: [mini_udpos, mini_tatoeba]
search:
  trials: 3
  sampler: random
  space:
    intermediate: {lr: [3e-4], epochs: [1]}
    target: {lr: [1e-4, 1e-3], epochs: [1, 2]}
"""


def name_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def grid_of(text: str) -> Grid:
    return read_grid(text, "grid.yaml", ROWS)


def plan_of(text: str = SMALL, run: Path = Path("run"), digest: Digest = name_digest) -> Plan:
    """The plan of a grid whose data nobody reads; `digest` makes up a data digest from `<task>/<split>`."""
    grid = grid_of(text)
    models = {
        name: ResolvedModel(
            folder=Path("model"), identity=ModelIdentity(name=name, config="c", tokenizer="t", weights=f"of {name}")
        )
        for name in grid.models
    }

    def digests(grid: Grid, sources: Mapping[str, object]) -> dict[str, str]:
        return {item[0]: digest(item[0]) for item in needed_splits(grid, sources)}

    with (
        patch.object(sweep.sources, "mini_world", lambda: Path("world")),
        patch.object(sweep.planning.plan, "digests_of", digests),
    ):
        return make_plan(grid, models, resolve_sources(grid, Path()), run)


def study_of(plan: Plan, name: str) -> StudySpec:
    """The study of a name such as `mini.none.mini_udpos`."""
    (found,) = [study for study in plan.studies if study.name == name]
    return found


def score_record(
    study: StudySpec, number: int, seed: int, setting: Mapping[str, float], score: float | None, trial: str = "trial"
) -> TrialRecord:
    """The record of one trial; a score of None makes it a failed one."""
    chosen = Selection(task="t", split="dev", language="en", metric="score", score=score) if score is not None else None
    return TrialRecord(
        schema=RECORD_SCHEMA,
        trial=trial,
        chain="",
        grid="small",
        model=study.model,
        intermediate=study.intermediate.name,
        targets=study.targets,
        study=study.label,
        number=number,
        seed=seed,
        status=Status.FAILED if score is None else Status.FINISHED,
        hyperparameters=dict(setting),
        selection=chosen,
    )
