"""What the command line gives to the rest of `sweep`, and the folders that its words stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import UserError

DATA_VARIABLE = "SWEEP_DATA"
RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """One `sweep launch` or `sweep plan`; what is None stays as the grid says.

    Attributes:
        grid: the name of a shipped grid, or the path of a file.
        data: the data folder, or None for a grid that needs none.
        run: the run folder, or None for the grid's own below `runs`.
        executor: auto, inline or train.
        models: a folder for each model of the grid whose weights are at hand.
    """

    grid: str
    data: Path | None = None
    run: Path | None = None
    executor: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The run folder, which need not be there yet."""
        return self.run or run_folder_of(self.grid)


def run_folder_of(grid: str) -> Path:
    """The run folder of a grid that was given none: `runs/<name>`, the name being that of its file."""
    return RUNS / Path(grid).name.removesuffix(".yaml")


def data_folder(given: Path | None) -> Path | None:
    """The data folder: what was given, else the environment's SWEEP_DATA, else none. Raises UserError when it is not there."""
    named = os.environ.get(DATA_VARIABLE, "")
    folder = given or (Path(named) if named else None)
    if folder is not None and not folder.is_dir():
        where = "--data" if given else DATA_VARIABLE
        remedy = f"correct {where}, or leave it out: the mini world needs none"
        raise UserError(f"the data folder that {where} names is not there", folder, remedy)
    return folder


def model_folders(given: Iterable[str]) -> Mapping[str, str]:
    """Read `NAME=FOLDER` words. Raises UserError on another form, on a name given twice, and on a folder that is not there."""
    folders: dict[str, str] = {}
    for word in given:
        name, separator, folder = word.partition("=")
        if not (name and separator and folder):
            raise UserError("--model takes NAME=FOLDER", word, "for example --model xlmr=./models/xlm-roberta-base")
        if name in folders:
            raise UserError("--model names a model twice", name, "give one folder a model")
        if not Path(folder).expanduser().is_dir():
            remedy = "name the folder that holds its config.json"
            raise UserError(f"the folder of the model {name} is not there", folder, remedy)
        folders[name] = str(Path(folder).expanduser())
    return folders


def existing_run(run: Path | None, grid: str | None) -> Path:
    """The run folder to read: the one given, that of the grid, else the only one below `runs`.

    Raises UserError when there is none, or when nothing was given and there are several.
    """
    if run is None and grid is None:
        return _only_run()
    folder = run or run_folder_of(str(grid))
    if not folder.is_dir():
        raise UserError("there is no run folder here", folder, _known_runs() or "start one with `sweep launch`")
    return folder


def _run_folders() -> list[Path]:
    return sorted(path for path in RUNS.iterdir() if path.is_dir()) if RUNS.is_dir() else []


def _known_runs() -> str:
    runs = ", ".join(str(path) for path in _run_folders())
    return f"the run folders here: {runs}" if runs else ""


def _only_run() -> Path:
    folders = _run_folders()
    if len(folders) == 1:
        return folders[0]
    if folders:
        raise UserError("there are several run folders", "", f"say --run or --grid; {_known_runs()}")
    raise UserError("there is no run folder below", RUNS, "say --run, or start one with `sweep launch`")
