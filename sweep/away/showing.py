"""What `sweep logs` and `sweep fetch` show."""

from __future__ import annotations

import posixpath
import shlex
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from sweep.amounts import several, size
from sweep.away.cluster import PREAMBLE, Cluster
from sweep.away.errands import launches, which_run
from sweep.away.fetching import fetch
from sweep.away.following import follow
from sweep.away.launching import ended
from sweep.away.words import command
from sweep.options import RUNS
from sweep.words import EXIT_INTERRUPTED
from training.errors import UserError


def show_logs(cluster: Cluster, run: Path | None, grid: str | None, *, follows: bool) -> int:
    """Show the output of the latest launch of a run folder; returns its exit code, 0 while it runs, 130 on Ctrl-C.

    Raises UserError where the cluster knows of none.
    """
    there = which_run(cluster, run, grid)
    jobs = launches(cluster, there)
    if not jobs:
        remedy = f"start one: sweep launch --on {shlex.quote(cluster.on)} --grid NAME --run {shlex.quote(there)}"
        raise UserError("no launch of this run folder was handed in since the cluster came up", there, remedy)
    job = jobs[-1]
    if not follows:
        with tempfile.TemporaryFile() as output:
            cluster.copy_output(job, output)
            output.seek(0)
            click.echo(PREAMBLE.sub(b"", output.read(), count=1).decode(errors="replace"), nl=False)
        return 0 if job.going else 1 if job.code is None else job.code
    try:
        return ended(cluster, follow(cluster, job.id), there, Console())
    except KeyboardInterrupt:
        sys.stdout.write(f"\nthe job {job.id} goes on; to end it: {command('stop', cluster.on, there)}\n")
        return EXIT_INTERRUPTED


def fetch_shown(cluster: Cluster, run: Path | None, grid: str | None, to: Path | None) -> None:
    """Fetch a run folder and say what came, and what to do with it. Raises UserError where it can't be."""
    there = which_run(cluster, run, grid)
    folder = to or RUNS / posixpath.basename(there)
    done = fetch(cluster, there, folder)
    gone = f", {several(done.gone, 'file')} removed" if done.gone else ""
    click.echo(f"{several(done.came, 'file')} came, {size(done.bytes)}, {done.already} were here already{gone}: {folder}")
    click.echo(f"look at it: sweep table --run {shlex.quote(str(folder))}")
