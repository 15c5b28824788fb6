"""What the command line gives to the rest of `sweep`, and the folders that its words stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from training.errors import DataError, UserError
from training.stores.behind import address_behind, local_store
from training.stores.objects import checked

DATA_VARIABLE, STORE_VARIABLE, NOTIFY_VARIABLE = "SWEEP_DATA", "SWEEP_STORE", "SWEEP_NOTIFY"
PRICE_VARIABLE, CACHE_VARIABLE, BUCKET_VARIABLE = "SWEEP_GPU_PRICE", "SWEEP_CACHE", "SWEEP_BUCKET"
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
        store: a phase store that sweeps share (the local one of an object store), or None for the run folder's own.
        notify: an address that is told of the end, or None. It may hold a secret: it is never shown nor written down.
        budget_gpu_hours, max_cost, price: GPU-hours and money in all that may be spent, and what a GPU-hour costs; or None.
        retry_failed: whether failed trials run again; of this launch alone.
        deadline: a duration from the start of a launch or an ISO time, as the user wrote it; or None.
    """

    grid: str
    data: Path | None = None
    run: Path | None = None
    executor: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    store: Path | None = None
    notify: str | None = field(default=None, repr=False)
    budget_gpu_hours: float | None = None
    max_cost: float | None = None
    price: float | None = None
    deadline: str | None = None
    retry_failed: bool = False

    @property
    def folder(self) -> Path:
        """The run folder, which need not be there yet."""
        return self.run or run_folder_of(self.grid)

    @property
    def store_word(self) -> str:
        """The store as a user says it: a folder, or the address of what is behind it; empty for the run folder's own."""
        return (address_behind(self.store) or str(self.store)) if self.store else ""


def run_folder_of(grid: str) -> Path:
    """The run folder of a grid that was given none: `runs/<name>`, the name being that of its file."""
    return RUNS / Path(grid).name.removesuffix(".yaml")


def named_data_folder(given: Path | None) -> Path | None:
    """The data folder: what was given, else the environment's SWEEP_DATA, else none; it need not be there."""
    named = os.environ.get(DATA_VARIABLE, "")
    return given or (Path(named) if named else None)


def data_folder(given: Path | None) -> Path | None:
    """The data folder, or none where none is named. Raises UserError when it is not there."""
    folder = named_data_folder(given)
    if folder is not None and not folder.is_dir():
        where = "--data" if given else DATA_VARIABLE
        remedy = f"correct {where}, or leave it out: the mini world needs none"
        raise UserError(f"the data folder that {where} names is not there", folder, remedy)
    return folder


def needed_data_folder(folder: Path | None, lacking: str) -> Path:
    """A data folder that has to be there; raises DataError when it is not, whose cause is `lacking` where none was named."""
    remedy = f"give --data FOLDER or set {DATA_VARIABLE}: a folder in XTREME's download layout"
    if folder is None:
        raise DataError(lacking, "", remedy)
    if not folder.expanduser().is_dir():
        raise DataError("the data folder does not exist", folder, remedy)
    return folder.expanduser().resolve()


def cache_folder() -> Path:
    """Where made data is kept between runs: `SWEEP_CACHE`, else `~/.cache/sweep`."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "sweep").expanduser()


def encoded_folder() -> Path:
    """Where tokenised data is kept, for every sweep of this machine."""
    return cache_folder() / "encoded"


def store_folder(given: str | Path | None) -> Path | None:
    """The shared phase store: what was given, else the environment's SWEEP_STORE, else none; it need not be there yet.

    The address of an object store gives the local store below the cache folder that has it behind it. Raises UserError when it
    is a file, or an address of another form.
    """
    named = os.environ.get(STORE_VARIABLE, "")
    if "://" in str(given or named):
        return local_store(cache_folder().absolute(), checked(str(given or named)))
    given = Path(given) if given else None
    folder = given or (Path(named) if named else None)
    if folder is not None and folder.exists() and not folder.is_dir():
        where = "--store" if given else STORE_VARIABLE
        raise UserError(f"the store that {where} names is not a folder", folder, "name a folder; a new one is made")
    return folder.expanduser().absolute() if folder is not None else None


def notify_address(given: str | None) -> str | None:
    """The address to tell of the end: what was given, else the environment's SWEEP_NOTIFY, else none.

    Raises UserError, which does not show the address, when it is none of http or https.
    """
    address = given or os.environ.get(NOTIFY_VARIABLE) or None
    if address is not None and not _is_web_address(address):
        where = "--notify" if given else NOTIFY_VARIABLE
        remedy = "for example https://hooks.example.org/services/..."
        raise UserError(
            f"{where} is no http or https address with a host",
            address.partition("://")[0][:10] if "://" in address else "",
            remedy,
        )
    return address


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def gpu_price(given: float | None) -> float | None:
    """What a GPU-hour costs: what was given, else the environment's SWEEP_GPU_PRICE, else None.

    Raises UserError on what is no number above 0.
    """
    named = os.environ.get(PRICE_VARIABLE, "")
    try:
        price = float(named) if given is None and named else given
    except ValueError:
        raise UserError(f"{PRICE_VARIABLE} is no number", named, "for example 2.5") from None
    if price is not None and not 0 < price < float("inf"):
        where = PRICE_VARIABLE if given is None else "--price"
        raise UserError(f"{where} must be a number above 0", price, "for example 2.5")
    return price


def model_folders(given: Iterable[str], *, here: bool = True) -> Mapping[str, str]:
    """Read `NAME=FOLDER` words; the folders are this machine's, or a cluster's, which looks at them itself.

    Raises UserError on another form, on a name given twice, and on a folder of this machine that is not there.
    """
    folders: dict[str, str] = {}
    for word in given:
        name, separator, folder = word.partition("=")
        if not (name and separator and folder):
            raise UserError("--model takes NAME=FOLDER", word, "for example --model xlmr=./models/xlm-roberta-base")
        if name in folders:
            raise UserError("--model names a model twice", name, "give one folder a model")
        if here and not Path(folder).expanduser().is_dir():
            remedy = "name the folder that holds its config.json"
            raise UserError(f"the folder of the model {name} is not there", folder, remedy)
        folders[name] = str(Path(folder).expanduser()) if here else folder
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
