"""Plans of grids whose data or models are not on this machine, for counting alone.

What is missing gets a stand-in that says so: a digest that begins with `nominal`, a model identity whose weights do. Phases
that stand on one have keys that no store has, so they count as to be trained, and nothing could be trained from them. Only what
counts makes such plans; a launch never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search_spaces.reading import load_grid
from search_spaces.schema import Data, Grid
from search_spaces.sources import SourceKind
from sweep.options import LaunchOptions, named_data_folder
from sweep.planning.architecture import ASSUMED, architecture_of
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan, make_plan
from sweep.planning.preflight import check_models
from sweep.ranking.choosing import kept_by_rank
from sweep.sources import ResolvedModel, mini_world, resolve_models, with_grid_changes
from training.data.loading import DataSource, data_digest
from training.data.supertags import with_labels
from training.errors import UserError
from training.identity import ModelIdentity

NOMINAL = "nominal"
NOWHERE = Path(NOMINAL)


@dataclass(frozen=True, kw_only=True)
class NominalPlan:
    """A plan that may have stand-ins: keys of the splits (`mnli/train`), and names of the models, that are not at hand."""

    plan: Plan
    splits: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of which some data is missing."""
        return tuple(dict.fromkeys(key.partition("/")[0] for key in self.splits))

    @property
    def unsized(self) -> tuple[str, ...]:
        """The models whose size nothing tells, so that numbers of another stand for it."""
        given = self.plan.grid.models
        return tuple(name for name in given if architecture_of(given[name], self.plan.models[name]).basis == ASSUMED)


def nominal_plan(grid: Grid, run: Path = NOWHERE) -> Plan:
    """The plan of a grid in which all data and models are stand-ins."""
    sources = {name: DataSource(row=row, root=NOWHERE) for name, row in grid.rows.items()}
    found = {name: _changed(grid, source) for name, source in sources.items()}
    models = {name: _stand_in(name, f"{model.source}@{model.revision}") for name, model in grid.models.items()}
    digests = {item[0]: _nominal(item[0]) for item in needed_splits(grid, found)}
    kept = kept_by_rank(grid, found, run, nominal=True)
    return make_plan(grid, models, found, run, digests=digests, kept=kept)


def plan_with_what_is_there(options: LaunchOptions) -> NominalPlan:
    """The plan of a command, with stand-ins for data and models that are not here.

    Raises UserError or Faults on a faulty grid, on a model or data folder that was named and can't be used, and on a model that
    is here and does not take the grid's tasks.
    """
    grid = load_grid(options.grid)
    sources = _sources(grid, options.data)
    digests = {item[0]: _digest(sources, *item) for item in needed_splits(grid, sources)}
    if unknown := sorted(set(options.models) - set(grid.models)):
        remedy = f"its models are {', '.join(grid.models)}"
        raise UserError("--model names no model of the grid", ", ".join(unknown), remedy)
    models = {name: _model(grid, name, options.models) for name in grid.models}
    check_models({name: model for name, model in models.items() if model.folder != NOWHERE}, sources)
    run = options.folder.resolve()
    kept = kept_by_rank(grid, sources, run, nominal=True)
    plan = make_plan(grid, models, sources, run, options.store, digests=digests, kept=kept)
    return NominalPlan(
        plan=plan,
        splits=tuple(key for key, digest in digests.items() if digest.startswith(NOMINAL)),
        models=tuple(name for name, model in models.items() if model.identity.weights.startswith(NOMINAL)),
    )


def is_nominal(plan: Plan) -> bool:
    """Whether a plan has stand-ins, and so can't be run."""
    weights = (model.identity.weights for model in plan.models.values())
    return any(text.startswith(NOMINAL) for text in (*plan.digests.values(), *weights))


def _nominal(said: str) -> str:
    return f"{NOMINAL}:{said}"


def _stand_in(name: str, source: str) -> ResolvedModel:
    identity = ModelIdentity(name=name, config=_nominal(source), tokenizer=_nominal(source), weights=_nominal(source))
    return ResolvedModel(folder=NOWHERE, identity=identity)


def _changed(grid: Grid, source: DataSource) -> DataSource:
    """A task's data with what the grid says of it."""
    change = grid.data.get(source.row.name, Data())
    return DataSource(
        row=with_grid_changes(source.row, change, grid.data),
        root=source.root,
        caps={str(split): cap for split, cap in change.caps.items()},
        carve_dev=change.carve_dev or 0.0,
    )


def _sources(grid: Grid, data: Path | None) -> dict[str, DataSource]:
    """The data of every task, in no folder where there is none; labels that are in a file of the user's may be missing."""
    given = named_data_folder(data)
    root = given.expanduser().resolve() if given and given.expanduser().is_dir() else NOWHERE
    found = {}
    for name, row in grid.rows.items():
        source = _changed(grid, DataSource(row=row, root=mini_world() if row.synthetic else root))
        try:
            labelled = with_labels(source.row, source.root)
        except UserError:
            labelled = source.row
        found[name] = DataSource(row=labelled, root=source.root, caps=source.caps, carve_dev=source.carve_dev)
    return found


def _digest(sources: Mapping[str, DataSource], key: str, task: str, split: str, languages: tuple[str, ...]) -> str:
    try:
        return data_digest(sources[task], split, languages)[:16]
    except UserError:
        return _nominal(key)


def _model(grid: Grid, name: str, overrides: Mapping[str, str]) -> ResolvedModel:
    """A model, or a stand-in for one that is not here and that no folder was given for; the hub is not asked."""
    model, named = grid.models[name], {key: folder for key, folder in overrides.items() if key == name}
    if model.kind is SourceKind.HUB and not named:
        return _cached(grid, name) or _stand_in(name, f"{model.source}@{model.revision}")
    alone = grid.model_copy(update={"models": {name: model}})
    try:
        return resolve_models(alone, named)[name]
    except UserError:
        if named or (model.kind is SourceKind.FOLDER and Path(model.source).expanduser().is_dir()):
            raise
        return _stand_in(name, f"{model.source}@{model.revision}")


def _cached(grid: Grid, name: str) -> ResolvedModel | None:
    """A model of the hub that an earlier launch has fetched."""
    from huggingface_hub import snapshot_download

    model = grid.models[name]
    try:
        folder = snapshot_download(model.source, revision=model.revision, local_files_only=True)
        alone = grid.model_copy(update={"models": {name: model}})
        return resolve_models(alone, {name: folder})[name]
    except (OSError, ValueError, UserError):
        return None
