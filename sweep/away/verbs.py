"""The verbs `sweep logs | fetch | ui`, and what `status` and `stop` do with `--on`: a sweep on a cluster, from a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sweep.flags import FOLDER, grid_flag, on_flag, run_flags


@click.command()
@run_flags
@on_flag
@click.option("--no-follow", is_flag=True, help="Show what there is, and end.")
@click.pass_context
def logs(ctx: click.Context, run: Path | None, grid: str | None, on: str | None, no_follow: bool) -> None:
    """Show what a sweep on a cluster writes, from its beginning, and follow it; Ctrl-C only ends the looking."""
    from sweep.away.cluster import open_cluster
    from sweep.away.place import find_cluster
    from sweep.away.showing import show_logs

    with open_cluster(find_cluster(on)) as cluster:
        ctx.exit(show_logs(cluster, run, grid, follows=not no_follow))


@click.command()
@click.option("--run", metavar="DIR", help="The run folder there, or its address: s3://BUCKET/FOLDER/runs/NAME.")
@grid_flag("The grid whose run folder is runs/NAME.")
@on_flag
@click.option("--to", type=FOLDER, metavar="DIR", help="Where it goes; else runs/NAME.")
def fetch(run: str | None, grid: str | None, on: str | None, to: Path | None) -> None:
    """Bring records (so tables) of a sweep here, from its cluster or its bucket: what changed since the last time, no weights.

    From a cluster come databases, too. From a bucket (--run s3://BUCKET/FOLDER/runs/NAME) it needs no cluster at all.
    """
    from training.stores.objects import is_address

    if run is not None and is_address(run):
        from sweep.bucket.reading import fetch_shown as fetch_from_bucket

        fetch_from_bucket(run, to)
        return
    folder = Path(run) if run is not None else None
    from sweep.away.cluster import open_cluster
    from sweep.away.place import find_cluster
    from sweep.away.showing import fetch_shown

    with open_cluster(find_cluster(on)) as cluster:
        fetch_shown(cluster, folder, grid, to)


@click.command()
@run_flags
@on_flag
@click.option("--no-browser", is_flag=True, help="Say where the pages are, and open none.")
@click.pass_context
def ui(ctx: click.Context, run: Path | None, grid: str | None, on: str | None, no_browser: bool) -> None:
    """Open the pages of a sweep (MLflow, and Ray's of a cluster) until Ctrl-C; they are reached from this machine alone."""
    from sweep.away.pages import show_pages
    from sweep.away.place import find_place

    named = run is not None or grid is not None  # without --on, a run folder is one of this machine
    place = find_place("local" if named and on is None else on)
    ctx.exit(show_pages(place, run, grid, browser=not no_browser))


def status_there(on: str, run: Path | None, grid: str | None, *, watch: bool, as_json: bool) -> int:
    """`sweep status --on ...`; returns the exit code."""
    from sweep.away.cluster import open_cluster
    from sweep.away.errands import run_errand, which_run
    from sweep.away.errands import watch as keep_watching
    from sweep.away.place import find_cluster

    with open_cluster(find_cluster(on)) as cluster:
        there = which_run(cluster, run, grid)
        if watch and not as_json:
            return keep_watching(cluster, there)
        return run_errand(cluster, ["status", "--run", there, *(["--json"] if as_json else [])], there)


def resume_there(on: str, run: Path | None, grid: str | None, notify: str | None, given: dict[str, Any], *, down: bool) -> int:
    """`sweep resume --on ...`; `given` are limits by the name of their option. Returns the exit code."""
    from sweep.away.launching import refuse_notify, resume_away
    from sweep.away.place import find_cluster
    from sweep.options import LaunchOptions

    refuse_notify(notify)
    return resume_away(LaunchOptions(grid="", **given), find_cluster(on), run, grid, down=down)


def stop_there(on: str, run: Path | None, grid: str | None, *, now: bool) -> int:
    """`sweep stop --on ...`; returns the exit code. A job that still waits for its turn is taken back."""
    from sweep.away.cluster import PENDING, open_cluster
    from sweep.away.errands import launches, run_errand, which_run
    from sweep.away.place import find_cluster

    with open_cluster(find_cluster(on)) as cluster:
        there = which_run(cluster, run, grid)
        jobs = launches(cluster, there)
        if jobs and jobs[-1].state == PENDING:
            cluster.end(jobs[-1].id)
            click.echo(f"the job {jobs[-1].id} had not begun: it is taken back")
            return 0
        return run_errand(cluster, ["stop", "--run", there, *(["--now"] if now else [])], there)
