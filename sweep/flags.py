"""Options that several verbs share, so that one word means one thing everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sweep.words import complete_grid

Verb = TypeVar("Verb", bound=Callable[..., Any])
FOLDER = click.Path(path_type=Path, file_okay=False)


def launch_flags(verb: Verb) -> Verb:
    """Options that `launch` and `plan` share."""
    grid = grid_flag("A shipped grid, or a file.", required=True)
    own = LocalFolder(path_type=Path, file_okay=False)
    run = click.option("--run", type=own, metavar="DIR", help="The run folder; else runs/NAME.")
    store = click.option(
        "--store",
        type=click.Path(file_okay=False),
        metavar="PLACE",
        help="A store of phases that sweeps share: a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER; else SWEEP_STORE.",
    )
    model = click.option("--model", "models", multiple=True, metavar="NAME=DIR", help="Take a model of the grid from a folder.")
    return grid(data_flag(run(store(model(verb)))))


def data_flag(verb: Verb) -> Verb:
    """The option `--data`."""
    return click.option("--data", type=FOLDER, metavar="DIR", help="The data folder; else the variable SWEEP_DATA.")(verb)


class RunFolder(click.Path):
    """A run folder: a folder of this machine, or its address in a bucket, whose files are then brought to the cache folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The folder on this machine; raises UserError where the address is none of a run folder, or does not answer."""
        from training.stores.objects import is_address

        if is_address(str(value)) and not (ctx is not None and ctx.resilient_parsing):
            from sweep.bucket.reading import brought

            return brought(str(value))
        return super().convert(value, param, ctx)


def run_flags(verb: Verb) -> Verb:
    """Options that name a run folder to read; without them it is the only one below `runs`."""
    says = "The run folder, or where it lies in a bucket: s3://BUCKET/FOLDER/runs/NAME."
    run = click.option("--run", type=RunFolder(path_type=Path, file_okay=False), metavar="DIR", help=says)
    return run(grid_flag("The grid whose run folder is runs/NAME.")(verb))


class LocalFolder(click.Path):
    """A folder of this machine, which an address is refused for."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; raises UserError on an address of an object store."""
        from training.errors import UserError
        from training.stores.objects import is_address

        if is_address(str(value)):
            remedy = "give the bucket with --store: the run folder's files are then kept there, too, and brought from there"
            raise UserError("the run folder of a launch is on this machine", str(value).partition("://")[0] + "://", remedy)
        return super().convert(value, param, ctx)


def on_flag(verb: Verb) -> Verb:
    """The option `--on`."""
    says = "Where: local, auto (a Ray that runs here), a cluster file (cluster.yaml), or the address of a Ray dashboard."
    return click.option("--on", metavar="PLACE", help=f"{says} Folders are then the cluster's.")(verb)


def down_flag(verb: Verb) -> Verb:
    """The option `--down`."""
    says = "With --on cluster.yaml: fetch the results and end the cluster when the sweep is over."
    return click.option("--down", is_flag=True, help=says)(verb)


def grid_flag(says: str, required: bool = False) -> Callable[[Verb], Verb]:
    """The option `--grid`; `says` is its help."""
    return click.option("--grid", required=required, metavar="NAME", shell_complete=complete_grid, help=says)


def json_flag(verb: Verb) -> Verb:
    """The option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For a program to read.")(verb)


def budget_flags(verb: Verb) -> Verb:
    """Options that say what a launch may spend."""
    hours = click.option("--budget-gpu-hours", type=float, metavar="HOURS", help="GPU-hours to spend, with earlier launches.")
    cost = click.option("--max-cost", type=float, metavar="MONEY", help="Money to spend at --price, with earlier launches.")
    until = click.option("--deadline", metavar="WHEN", help="Start only what ends by then: 6h, 1d12h or 2027-01-31T08:00.")
    return hours(cost(price_flag(until(verb))))


def notify_flag(verb: Verb) -> Verb:
    """The option `--notify`."""
    says = "Tell this address (http or https) at the end; else SWEEP_NOTIFY."
    return click.option("--notify", metavar="URL", help=says)(verb)


def retry_flag(verb: Verb) -> Verb:
    """The option `--retry-failed`."""
    return click.option("--retry-failed", is_flag=True, help="Run failed trials again; their records are set aside.")(verb)


def price_flag(verb: Verb) -> Verb:
    """The option `--price`."""
    return click.option("--price", type=float, metavar="MONEY", help="What a GPU-hour costs; else SWEEP_GPU_PRICE.")(verb)
