"""Errands: short jobs that have a verb of `sweep` look at a run folder where it lies. A verb costs a few seconds that way."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from sweep.away.cluster import PREAMBLE, Cluster, Job
from sweep.away.following import follow, surroundings
from sweep.away.shipping import package
from sweep.away.words import LABEL, command, job_command, job_label, run_word
from training.errors import UserError

RUN = "sweep_run"
ERRAND = f"{LABEL}errand-"


def launches(cluster: Cluster, run: str | None = None) -> list[Job]:
    """The jobs of launches, oldest first: of one run folder, or of all."""
    return [job for job in cluster.jobs() if RUN in job.metadata and (run is None or job.id.startswith(job_label(run)))]


def which_run(cluster: Cluster, run: object | None, grid: str | None) -> str:
    """The run folder of the cluster that was asked for: what was given, the grid's own, else the only one.

    Raises UserError where nothing was given and there is none, or there are several.
    """
    from sweep.options import run_folder_of

    if run is not None or grid is not None:
        return run_word(run or run_folder_of(str(grid)))
    known = list(dict.fromkeys(job.metadata[RUN] for job in launches(cluster)))
    if len(known) == 1:
        return known[0]
    remedy = f"say --run; its run folders: {', '.join(known)}" if known else "say --run, or start one with sweep launch"
    cause = "the cluster has several run folders" if known else "this cluster has run no sweep since it came up"
    raise UserError(cause, "", remedy)


def submit(
    cluster: Cluster, name: str, words: Sequence[str], metadata: Mapping[str, str], more: Mapping[str, bytes] | None = None
) -> None:
    """Hand in a job that runs these words on the head, with the code as it is here and `more` files beside it."""
    with tempfile.TemporaryDirectory() as folder:
        cluster.submit(name, job_command(words), package().write(Path(folder), more), metadata, surroundings())


@contextmanager
def done(cluster: Cluster, words: Sequence[str], more: Mapping[str, bytes] | None = None) -> Iterator[tuple[Job, IO[bytes]]]:
    """Run an errand to its end: the job, and a file with all that it wrote. It is ended where the user leaves before.

    Raises UserError where it never ran.
    """
    name = f"{ERRAND}{words[0]}-{uuid.uuid4().hex[:12]}"
    submit(cluster, name, words, {}, more)
    try:
        job = cluster.wait(name)
    except KeyboardInterrupt:
        cluster.end(name)
        raise
    with tempfile.TemporaryFile() as output:
        cluster.copy_output(job, output)
        if job.code is None:
            raise UserError("the cluster could not run the job", job.said[-800:], f"look at the job {name} on its dashboard")
        yield job, output


def run_errand(cluster: Cluster, words: Sequence[str], run: str) -> int:
    """Run a verb on the head and show what it says; returns its exit code. A fault is shown on stderr, as it would be here."""
    with done(cluster, words) as (job, output):
        output.seek(0)
        said = PREAMBLE.sub(b"", output.read(), count=1).decode(errors="replace")
    code = int(job.code or 0)
    click.echo(said, nl=False, err=code == 2)
    if code == 0 and "--json" not in words:
        click.echo(f"from here: {command('logs', cluster.on, run)}\n           {command('fetch', cluster.on, run)}")
    return code


def watch(cluster: Cluster, run: str) -> int:
    """`sweep status --watch` on the head, shown as it comes; Ctrl-C ends the looking, not the sweep."""
    name = f"{ERRAND}watch-{uuid.uuid4().hex[:12]}"
    submit(cluster, name, ["status", "--watch", "--run", run], {})
    try:
        return int(follow(cluster, name).code or 0)
    except KeyboardInterrupt:
        cluster.end(name)
        sys.stdout.write("\n")
        return 0
