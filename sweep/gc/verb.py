"""The verb `gc`: tidying up after sweeps, on a disk or in a bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sweep.flags import json_flag, run_flags
from sweep.options import existing_run


@click.command()
@run_flags
@click.option(
    "--store", metavar="PLACE", help="A store that sweeps share, a folder or s3://BUCKET/FOLDER; else the run folder's."
)
@click.option(
    "--keep",
    type=click.Choice(["best", "all-records", "none"]),
    default="best",
    show_default=True,
    help="Which finished sweeps' phases stay: those of each pair's chosen setting, of every record, or none.",
)
@click.option("--encoded-days", type=click.FloatRange(0), metavar="N", help="Tokenised data unused for N days goes too.")
@click.option("--forget", metavar="ID", help="A sweep whose run folder is gone for good needs nothing any more.")
@click.option("--delete", is_flag=True, help="Remove what is listed; without this, nothing is touched.")
@json_flag
def gc(
    run: Path | None,
    grid: str | None,
    store: str | None,
    keep: str,
    encoded_days: float | None,
    forget: str | None,
    delete: bool,
    as_json: bool,
) -> None:
    """List what no sweep needs any more, with its size and why; --delete removes it.

    Looked at are trained phases, checkpoints inside phases and trunks of the store, what was set aside as damaged, and
    (with --encoded-days) tokenised data. Every run folder that uses the store is asked. While one of them is unfinished, all
    pretraining and intermediate phases stay, and everything that no record accounts for: it could still be shared. A phase
    stays while it is being trained, and where its weights are in MLflow's model registry. In a bucket every sweep is asked
    whose records are there, and what was put within the last day stays.
    """
    from rich.console import Console

    from sweep.gc.needs import Keep
    from sweep.gc.removal import render, tidy_store
    from sweep.words import print_lines
    from training.stores.objects import is_address

    wishes: dict[str, Any] = {"encoded_days": encoded_days, "forget": forget, "delete": delete}
    if store is not None and is_address(store):
        from sweep.bucket.clearing import tidy_bucket

        found = tidy_bucket(store, keep=Keep(keep), **wishes)
    elif store is not None:
        found = tidy_store(None, Path(store), keep=Keep(keep), **wishes)
    else:
        found = tidy_store(existing_run(run, grid), keep=Keep(keep), **wishes)
    if as_json:
        click.echo(json.dumps(found.payload(), indent=1))
    else:
        print_lines(Console(), render(found))
