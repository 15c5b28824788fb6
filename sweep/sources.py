"""Where a plan's models and data come from: folders, packages, the hub, or the mini world, which is made when first needed."""

from __future__ import annotations

import fcntl
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import training.world.languages
from search_spaces.schema import Data, Grid
from search_spaces.sources import MINI_MODELS, SourceKind, mini_model, source_kind
from sweep.options import cache_folder, named_data_folder, needed_data_folder
from training.data.loading import DataSource
from training.data.supertags import with_labels
from training.errors import Faults, ModelError, UserError
from training.identity import ModelIdentity
from training.models.backbone import identify, resolve_folder
from training.tasks.row import TaskRow


@dataclass(frozen=True, kw_only=True)
class ResolvedModel:
    """A model's folder on this machine, and its identity."""

    folder: Path
    identity: ModelIdentity


def mini_world() -> Path:
    """Folder of the mini world; made when it is not there (synthetic, a few seconds).

    It is named by a digest of the code that makes it, so that another version of the project never takes it for its own.
    """
    from training.world.files import write_world

    folder = cache_folder() / f"mini_world-{_world_code()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".mini_world.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "SYNTHETIC").is_file():
            write_world(folder)
    return folder


def mini_model_folder(name: str) -> Path:
    """Folder of an untrained model of the mini world (empty: its own), configuration and tokenizer; made when not there."""
    from training.world.model import MODELS, train_tokenizer

    world, made = mini_world(), MODELS[name]
    folder = world / "-".join(filter(None, ("model", name)))
    with (world.parent / ".mini_world.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "config.json").is_file():
            tokenizer = train_tokenizer(world, made.corpus)
            tokenizer.save_pretrained(str(folder))
            made.config(len(tokenizer)).save_pretrained(str(folder))
    return folder


@functools.cache
def _world_code() -> str:
    whole = hashlib.sha256()
    for path in sorted(Path(training.world.languages.__file__).parent.glob("*.py")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()[:12]


def resolve_models(grid: Grid, overrides: Mapping[str, str]) -> dict[str, ResolvedModel]:
    """Folder and identity of every model of the grid; raises Faults naming each that can't be used."""
    faults: list[UserError] = []
    unknown = sorted(set(overrides) - set(grid.models))
    faults += [
        UserError("--model names no model of the grid", name, f"its models are {', '.join(grid.models)}") for name in unknown
    ]
    found: dict[str, ResolvedModel] = {}
    for name, model in grid.models.items():
        try:
            source = overrides.get(name, model.source)
            folder = _folder(source, model.revision)
            seed = model.pretrain.seed if model.pretrain else 0
            found[name] = ResolvedModel(folder=folder, identity=identify(name, folder, seed, pretrained=model.pretrain is None))
        except UserError as fault:
            faults.append(fault)
    if faults:
        raise Faults(f"the models of grid {grid.name}", faults)
    return found


def _folder(source: str, revision: str) -> Path:
    if source_kind(source) is not SourceKind.MINI_WORLD:
        return resolve_folder(source, revision)
    name = mini_model(source)
    if name and name not in MINI_MODELS:
        raise ModelError("the mini world has no such model", source, f"its models are {', '.join(MINI_MODELS)}")
    return mini_model_folder(name)


def resolve_sources(grid: Grid, data: Path | None) -> dict[str, DataSource]:
    """The data of every task of the grid; real tasks need a data folder (an argument or `SWEEP_DATA`).

    Raises DataError without one, Faults naming each list of labels that is missing or wrong.
    """
    rows = {name: with_grid_changes(item, grid.data.get(name, Data()), grid.data) for name, item in grid.rows.items()}
    lacking = "this grid needs real data, and no data folder was given"
    real = any(not item.synthetic for item in rows.values())
    root = needed_data_folder(named_data_folder(data), lacking) if real else None
    sources: dict[str, DataSource] = {}
    faults: list[UserError] = []
    for name, item in rows.items():
        change = grid.data.get(name, Data())
        place = mini_world() if item.synthetic else root
        assert place is not None
        try:
            labelled = with_labels(item, place)
        except UserError as fault:
            faults.append(fault)
            continue
        sources[name] = DataSource(
            row=labelled,
            root=place,
            caps={str(split): cap for split, cap in change.caps.items()},
            carve_dev=change.carve_dev or 0.0,
        )
    if faults:
        raise Faults(f"the data of grid {grid.name}", faults)
    return sources


def with_grid_changes(item: TaskRow, change: Data, of_parts: Mapping[str, Data]) -> TaskRow:
    """A task's row with what the grid's `data` section changes of it, and of its parts."""
    stride = item.encoding.stride if change.stride is None else change.stride
    encoding = replace(item.encoding, max_length=change.max_length or item.encoding.max_length, stride=stride)
    files = {**item.files, **{str(split): path for split, path in change.files.items()}}
    return replace(
        item,
        files=files,
        languages=change.languages or item.languages,
        scored_on=change.scored_on or item.scored_on,
        encoding=encoding,
        parts=tuple(with_grid_changes(part, of_parts.get(part.name, Data()), of_parts) for part in item.parts),
    )
