"""The verbs `sweep status | stop | resume`: looking at a sweep and steering it, from any shell.

They import what they need when they run, so that help and completion answer at once.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sweep.away.verbs import status_there, stop_there
from sweep.flags import budget_flags, down_flag, json_flag, notify_flag, on_flag, retry_flag, run_flags
from sweep.masking import out_of_sight
from sweep.options import NOTIFY_VARIABLE, existing_run, notify_address
from sweep.runfolder import runs_elsewhere
from training.errors import UserError

HERE = (None, "local", "auto")
"""Places whose run folders lie on this machine: `auto` is a Ray that runs here."""


@click.command()
@run_flags
@click.option("--watch", is_flag=True, help="Keep showing it until the sweep ends, or Ctrl-C.")
@json_flag
@on_flag
@click.pass_context
def status(ctx: click.Context, run: Path | None, grid: str | None, watch: bool, as_json: bool, on: str | None) -> None:
    """Show how far a sweep is; works while it runs."""
    if on not in HERE:
        ctx.exit(status_there(str(on), run, grid, watch=watch, as_json=as_json))
    folder = existing_run(run, grid)
    if watch and runs_elsewhere(folder):
        remedy = "leave --watch out, or look where it runs: --on cluster.yaml"
        raise UserError("what running trials do is not in the bucket, so there is nothing to watch", "", remedy)
    if watch and not as_json:
        from sweep.watch.following import follow

        follow(folder)
        return
    from sweep.watch.status import print_status

    print_status(folder, as_json=as_json)


@click.command()
@run_flags
@click.option("--now", is_flag=True, help="Do not wait for running trials: they are checkpointed and go on later.")
@on_flag
@click.pass_context
def stop(ctx: click.Context, run: Path | None, grid: str | None, now: bool, on: str | None) -> None:
    """Ask a running sweep to end: it starts nothing new, and ends when its running trials have."""
    if on not in HERE:
        ctx.exit(stop_there(str(on), run, grid, now=now))
    folder = existing_run(run, grid)
    from rich.console import Console

    from sweep.bucket.reading import pass_on_stop
    from sweep.steering.requests import request_stop
    from sweep.words import print_lines

    said = request_stop(folder, now=now)
    if pass_on_stop(folder):
        said = said.partition("\n")[0] + "; it hears of this through the bucket, within some seconds"
    print_lines(Console(), said)


@click.command()
@run_flags
@notify_flag
@budget_flags
@retry_flag
@on_flag
@down_flag
@click.pass_context
def resume(
    ctx: click.Context,
    /,
    run: Path | None,
    grid: str | None,
    notify: str | None,
    retry_failed: bool,
    on: str | None,
    down: bool,
    **limits: Any,
) -> None:
    """Go on with a sweep that was stopped, with the options of its last launch; limits that are given replace its limits."""
    if on not in HERE:
        from sweep.away.verbs import resume_there

        ctx.exit(resume_there(str(on), run, grid, notify, limits | {"retry_failed": retry_failed}, down=down))
    from sweep.away.place import find_place, settle_here

    if on is not None or down:
        from sweep.away.down import refuse_down

        place = find_place(on or "local")  # without --on it is this machine, whatever cluster runs
        if down:
            refuse_down(place)
        settle_here(place)
    folder = existing_run(run, grid)
    from sweep.launch import launch
    from sweep.steering.requests import options_to_resume

    address = notify_address(notify)
    out_of_sight("--notify", notify, NOTIFY_VARIABLE)
    options = options_to_resume(folder, address)
    given = {name: value for name, value in limits.items() if value is not None}
    ctx.exit(launch(replace(options, retry_failed=retry_failed, **given)))
