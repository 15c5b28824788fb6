"""`sweep launch` on a cluster from a laptop: the code goes there as a Ray job, its output comes back, and it needs nobody.

The job's submission id follows from the run folder and counts its launches. So the same command finds the job that runs, and
begins the next one when none does; where two are handed in at once, Ray takes one and refuses the other.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from reports.ranking.keeping import FILE as RANKINGS
from search_spaces.reading import load_grid
from sweep.amounts import size
from sweep.away.cluster import Cluster, Job, open_cluster
from sweep.away.down import bring_and_judge, end_cluster, fetched_to, hand_in_keeper, refuse_down
from sweep.away.errands import RUN, launches, which_run
from sweep.away.following import follow, surroundings
from sweep.away.place import Place
from sweep.away.shipping import Package, package
from sweep.away.words import command, job_command, job_label, launch_words, resume_words, run_word, wish
from sweep.options import NOTIFY_VARIABLE, LaunchOptions
from sweep.words import EXIT_INCOMPLETE, EXIT_INTERRUPTED, print_lines
from training.errors import UserError

WISH = "sweep_wish"


def launch_away(options: LaunchOptions, place: Place, *, down: bool = False) -> int:
    """Run a grid on a cluster and follow it; returns the exit code of the launch there, or 130 where the user looked away.

    With `down` the cluster is ended when the sweep is over, after its results were fetched. Folders of the options are the
    cluster's. Raises UserError or Faults on a faulty grid, and where the cluster does not answer, before anything is sent.
    """
    console = Console()
    chooses = load_grid(options.grid).rank is not None  # its faults are told before anything is sent
    refuse_notify(options.notify)
    run = run_word(options.folder)
    if down:
        refuse_down(place)
        fetched_to(run)
    with open_cluster(place) as cluster:
        print_lines(console, place.says + _may_cost(options))
        if os.environ.get(NOTIFY_VARIABLE):
            print_lines(console, f"{NOTIFY_VARIABLE} of this machine is not sent: set it where the head's Ray is started")
        shipped = package(options.grid if "/" in options.grid or options.grid.endswith(".yaml") else "")
        words = launch_words(options, shipped.grid or options.grid, run)
        more = kept_signals_in(options.folder) if chooses else {}
        job = _running_or_new(cluster, shipped, words, {RUN: run, WISH: wish(options, shipped.digest)}, console, more)
        code, ends = _seen_through(cluster, job, run, console, down=down)
    if ends:  # through ssh of its own
        end_cluster(place.on, console)
    return code


def resume_away(limits: LaunchOptions, place: Place, run: Path | None, grid: str | None, *, down: bool = False) -> int:
    """Go on with a sweep of a cluster with the options of its last launch there, and `limits` in place of its own where given.

    Returns as `launch_away` does. Raises UserError where there is no such launch, or the cluster does not answer.
    """
    console = Console()
    if down:
        refuse_down(place)
    with open_cluster(place) as cluster:
        print_lines(console, place.says)
        there = which_run(cluster, run, grid)
        if down:
            fetched_to(there)
        shipped = package()
        metadata = {RUN: there, WISH: wish(limits, shipped.digest)}
        job = _running_or_new(cluster, shipped, resume_words(limits, there), metadata, console, {})
        code, ends = _seen_through(cluster, job, there, console, down=down)
    if ends:
        end_cluster(place.on, console)
    return code


def _seen_through(cluster: Cluster, job: str, run: str, console: Console, *, down: bool) -> tuple[int, bool]:
    """Follow a job; its exit code, and whether the cluster is to be ended now."""
    if down:
        hand_in_keeper(cluster, job, run, console)
    code = _followed(cluster, job, run, console)
    return code, down and not cluster.job(job).going and bring_and_judge(cluster, job, run, console)


def kept_signals_in(run: Path) -> Mapping[str, bytes]:
    """What `sweep rank` has kept in the run folder of the same name here; one on the cluster that has none takes it.

    Raises UserError where it can't be read.
    """
    kept = run / RANKINGS
    try:
        return {kept.name: kept.read_bytes()} if kept.is_file() else {}
    except OSError as error:
        remedy = "correct its permissions, or remove it: `sweep rank` makes it again"
        raise UserError(f"{kept} can't be read", error.strerror or str(error), remedy) from error


def refuse_notify(address: str | None) -> None:
    """Raises UserError where an address to tell of the end was given: it may be a secret."""
    if address:
        remedy = (
            f"set {NOTIFY_VARIABLE} in the environment of the cluster's head: an address may be a secret, so it is not sent"
        )
        raise UserError("--notify can't be sent to a cluster", "", remedy)


def _may_cost(options: LaunchOptions) -> str:
    """What the plan may cost, where a price is known."""
    if options.price is None:
        return ""
    from sweep.planning.nominal import plan_with_what_is_there
    from sweep.planning.spending import may_cost

    elsewhere = replace(options, data=None, store=None, run=Path("nominal"), models={})
    return may_cost(plan_with_what_is_there(elsewhere), options.price)


def _running_or_new(
    cluster: Cluster,
    shipped: Package,
    words: list[str],
    metadata: dict[str, str],
    console: Console,
    more: Mapping[str, bytes],
) -> str:
    run, wanted = metadata[RUN], metadata[WISH]
    before = launches(cluster, run)
    if before and before[-1].going:
        return _found(before[-1], wanted, console)
    name = f"{job_label(run)}{1 + max((_number(job) for job in before), default=0)}"
    try:
        _submit(cluster, name, shipped, words, metadata, more)
    except UserError:
        there = [job for job in launches(cluster, run) if job.id == name]
        if not there:
            raise
        return _found(there[0], wanted, console)  # somebody else was quicker
    print_lines(
        console, f"sent {size(len(shipped.content))} of code ({shipped.code}) as job {name}; its run folder there: {run}"
    )
    if more:
        print_lines(console, f"with {', '.join(more)} of this machine, for a run folder that has none there")
    print_lines(console, "it goes on without this machine; Ctrl-C only ends the looking")
    return name


def _submit(
    cluster: Cluster, name: str, shipped: Package, words: list[str], metadata: dict[str, str], more: Mapping[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cluster.submit(name, job_command(words), shipped.write(Path(folder), more), metadata, surroundings())


def _found(job: Job, wanted: str, console: Console) -> str:
    print_lines(console, f"job {job.id} runs this already: no second one is started")
    if job.metadata.get(WISH) != wanted:
        print_lines(console, "it was started with other options, or with other code: stop it first to change them", "yellow")
    return job.id


def _number(job: Job) -> int:
    last = job.id.rpartition("-")[2]
    return int(last) if last.isdigit() else 0


def _followed(cluster: Cluster, name: str, run: str, console: Console) -> int:
    try:
        job = follow(cluster, name)
    except KeyboardInterrupt:
        back, stop = command("logs", cluster.on, run), command("stop", cluster.on, run)
        lines = f"\nthe job {name} goes on. To come back: {back}\nto end it: {stop}"
        console.print(lines, highlight=False, markup=False, soft_wrap=True)
        return EXIT_INTERRUPTED
    return ended(cluster, job, run, console)


def ended(cluster: Cluster, job: Job, run: str, console: Console) -> int:
    """Say what to do after the end of a job; returns its exit code, 1 where it has none."""
    if job.code is None:
        print_lines(console, f"the job {job.id} was ended ({job.state.lower()}): {job.said[-500:]}", "red")
    if job.code in (None, EXIT_INCOMPLETE, EXIT_INTERRUPTED):
        print_lines(console, f"from here, it goes on with the launch's own command, or: {command('resume', cluster.on, run)}")
    fetch = command("fetch", cluster.on, run)
    console.print(f"bring its results here: {fetch}", highlight=False, markup=False, soft_wrap=True)
    return 1 if job.code is None else job.code
