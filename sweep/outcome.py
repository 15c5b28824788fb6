"""What a launch ends with: the transfer table, what is missing, and the commands to go on with."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from reports.cells import Pair
from reports.frame import Expectation, TransferTable, transfer_tables
from reports.table import render_transfer
from sweep.planning.plan import Plan
from sweep.runfolder import PairMark, RunMark, read_mark
from sweep.tidy import readable_records
from sweep.tracking import open_tracker, ui_command
from training.errors import UserError
from training.record import Status, TrialRecord


def mark_of(plan: Plan, mark: RunMark) -> RunMark:
    """The run folder's mark with what the plan foresees, so that another shell knows what is missing."""
    pairs = tuple(
        PairMark(model=study.model, intermediate=study.intermediate.name, target=target, settings=plan.settings_of(study))
        for study in plan.studies
        for target in study.targets
    )
    return replace(
        mark,
        studies=tuple(study.label for study in plan.studies),
        trials=plan.trials(),
        seeds=tuple(plan.grid.seeds),
        pairs=pairs,
    )


def current_records(run: Path, mark: RunMark) -> list[TrialRecord]:
    """Records of the studies of the latest launch: those of an earlier form of the grid stay on disk and out of its tables."""
    records, _ = readable_records(run, set_aside=False)
    return [record for record in records if record.study in mark.studies and record.seed in mark.seeds]


def tables_of(run: Path) -> list[TransferTable]:
    """The transfer tables of a run folder, with what is still missing; raises UserError when it is not one."""
    mark = read_mark(run)
    settings = {Pair(pair.model, pair.intermediate, pair.target): pair.settings for pair in mark.pairs}
    return transfer_tables(current_records(run, mark), Expectation(seeds=mark.seeds, settings=settings))


def print_outcome(plan: Plan, console: Console, seconds: float) -> None:
    """Table, counts, and the next commands."""
    mark = read_mark(plan.run)
    records = current_records(plan.run, mark)
    console.print()
    console.print(render_transfer(tables_of(plan.run)))
    trained = {phase.key for record in records for phase in record.phases if phase.outcome == "trained"}
    needed = sum(len(record.phases) for record in records)
    failed = sum(record.status is Status.FAILED for record in records)
    console.print(
        f"\n{len(records)} of {mark.trials} trials have a record"
        + (f", {failed} of them failed" if failed else "")
        + f"; {needed} phases needed, {len(trained)} trained; this launch took {seconds:.0f} s",
        highlight=False,
    )
    run = _shown(plan.run)
    example = next((record.trial for record in records if record.results), None)
    if example:
        console.print(f"per language:  sweep show {shlex.quote(example)} --run {run}", highlight=False, soft_wrap=True)
    console.print(f"table again:   sweep table --run {run}", highlight=False, soft_wrap=True)
    console.print(f"MLflow UI:     {ui_command(plan.run)}", highlight=False, soft_wrap=True)
    with contextlib.suppress(UserError):
        console.print(f"               then open {open_tracker(plan.run).page()}", highlight=False, soft_wrap=True)


def _shown(run: Path) -> str:
    """A run folder as a user would write it: relative where it is below the working folder."""
    here = Path.cwd()
    return shlex.quote(str(run.relative_to(here) if run.is_relative_to(here) else run))
