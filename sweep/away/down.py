"""`sweep launch --on cluster.yaml --down` on the laptop: when the sweep is over, its results come here and the cluster goes."""

from __future__ import annotations

import posixpath
import shlex
import subprocess
from pathlib import Path

from rich.console import Console

from sweep.amounts import several
from sweep.away.cluster import Cluster
from sweep.away.errands import submit
from sweep.away.fetching import fetch, refuse_other
from sweep.away.keeper import END, KEEPER, others, over
from sweep.away.place import Kind, Place
from sweep.away.tunnel import ray_program
from sweep.ending import read_ending
from sweep.options import RUNS
from sweep.words import print_lines
from training.errors import UserError

ENDING = 1800.0
"""Seconds that `ray down` may take."""


def refuse_down(place: Place) -> None:
    """Raises UserError where there is no cluster that could be ended."""
    if place.kind is not Kind.FILE:
        raise UserError(
            "--down ends the cluster of a file, and none was named", place.on, "for example: --on cluster.yaml --down"
        )


def fetched_to(run: str) -> Path:
    """Where results of a run folder of the cluster come to. Raises UserError where that holds what no fetch brought."""
    folder = RUNS / posixpath.basename(run)
    refuse_other(folder)
    return folder


def hand_in_keeper(cluster: Cluster, job: str, run: str, console: Console) -> None:
    """Have the head end the cluster when nobody here does; a launch that has its keeper gets no second one."""
    name = KEEPER + job
    if name not in cluster.going():
        submit(cluster, name, [END, job, run], {})
    print_lines(
        console, "when the sweep is over, its results come here and the cluster is ended; the head does it if nobody follows"
    )


def bring_and_judge(cluster: Cluster, job: str, run: str, console: Console) -> bool:
    """Fetch the results of a launch that has ended; whether the cluster is to be ended now.

    Raises UserError where they can't be fetched: then nothing is ended.
    """
    folder = fetched_to(run)
    try:
        came = fetch(cluster, run, folder).came
    except UserError as error:
        _call_off(cluster, job)
        again = f"sweep fetch --on {shlex.quote(cluster.on)} --run {shlex.quote(run)}"
        remedy = f"fetch them ({again}), then end it: ray down {shlex.quote(cluster.on)}"
        raise UserError("the results could not be fetched, so the cluster was not ended", error, remedy) from error
    print_lines(console, f"{several(came, 'file')} came: sweep table --run {shlex.quote(str(folder))}")
    if stays := over(read_ending(folder)):
        _call_off(cluster, job)
        print_lines(console, f"the cluster stays: {stays}. To end it: ray down {shlex.quote(cluster.on)}", "yellow")
        return False
    if more := others(cluster.going()):
        print_lines(console, f"the cluster stays for {', '.join(more)}; the head ends it after that", "yellow")
        return False
    return True


def _call_off(cluster: Cluster, job: str) -> None:
    if KEEPER + job in cluster.going():
        cluster.end(KEEPER + job)


def end_cluster(file: str, console: Console) -> None:
    """`ray down`. Raises UserError where it fails; the head then tries in its turn."""
    print_lines(console, f"ending the cluster of {file}")
    done = subprocess.run(
        [ray_program(), "down", "--yes", file],
        capture_output=True,
        text=True,
        timeout=ENDING,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise UserError(
            f"the cluster of {file} could not be ended", lines[-1][:300] if lines else "", f"ray down {shlex.quote(file)}"
        )
    print_lines(console, "the cluster is ended; what lay in its shared storage stays there")
