"""What a launch ends with: the transfer table, what is missing, and the commands to go on with."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from reports.frame import TransferTable
from reports.table import render_transfer
from sweep.amounts import amount, duration, several
from sweep.ending import Ending, EndState
from sweep.foreseen import current_of, current_records, tables_from
from sweep.records import waiting_trials
from sweep.runfolder import RunMark, read_mark
from sweep.tracking import open_tracker, ui_command
from sweep.words import print_lines, shown
from training.errors import UserError
from training.record import Status, TrialRecord

if TYPE_CHECKING:  # torch takes seconds to load
    from sweep.planning.plan import Plan

MOST_FAILED = 10
"""Failed trials that are named one by one."""


def print_outcome(plan: Plan, console: Console, seconds: float, ending: Ending | None = None) -> None:
    """Table, counts, what went wrong or was left out, and the next commands."""
    mark = read_mark(plan.run)
    records = current_records(plan.run, mark)
    waiting = current_of(waiting_trials(plan.run, set_aside=False)[0], mark)
    console.print()
    console.print(render_transfer(tables_from(records, mark)))
    for line in [*count_lines(records, mark, seconds, waiting), *trouble_lines(records, ending)]:
        print_lines(console, line)
    run = shown(plan.run)
    example = next((record.trial for record in records if record.results), None)
    if example:
        console.print(f"per language:  sweep show {shlex.quote(example)} --run {run}", highlight=False, soft_wrap=True)
    console.print(f"table again:   sweep table --run {run}", highlight=False, soft_wrap=True)
    console.print(f"MLflow UI:     {ui_command(plan.run)}", highlight=False, soft_wrap=True)
    with contextlib.suppress(UserError):
        console.print(f"               then open {open_tracker(plan.run).page()}", highlight=False, soft_wrap=True)
    if ending is not None and ending.state is not EndState.FINISHED:
        console.print(f"go on:         sweep resume --run {run}", highlight=False, soft_wrap=True)


def count_lines(
    records: Sequence[TrialRecord], mark: RunMark, seconds: float, waiting: Sequence[TrialRecord] = ()
) -> list[str]:
    """What there is and what it took; `seconds` is the time of this launch, `waiting` are trials at a rung."""
    trials = [*records, *waiting]
    trained = {phase.key: phase.tokens for trial in trials for phase in trial.phases if phase.outcome == "trained"}
    needed = [phase for trial in trials for phase in trial.phases]
    counts = {status: sum(record.status is status for record in records) for status in Status}
    said = [f"{counts[Status.STOPPED]} of them stopped early"] if counts[Status.STOPPED] else []
    said += [f"{counts[Status.FAILED]} of them failed"] if counts[Status.FAILED] else []
    said += [f"{len(waiting)} others wait at a rung"] if waiting else []
    hours = sum(trial.timing.get("seconds", 0.0) * mark.share_of(trial.study) for trial in trials) / 3600
    most = "at most " if mark.stopping and len(records) < mark.trials else ""
    saved = sum(phase.tokens for phase in needed) - sum(trained.values())
    return [
        ", ".join([f"{len(records)} of {most}{mark.trials} trials have a record", *said])
        + f"; {len(needed)} phases needed, {len(trained)} trained; this launch took {duration(seconds)}",
        f"{amount(hours)} {mark.unit} in all, {amount(sum(trained.values()))} tokens trained"
        + (f", {amount(saved)} saved by sharing" if saved > 0 else ""),
    ]


def trouble_lines(records: Sequence[TrialRecord], ending: Ending | None) -> list[str]:
    """Failed trials, given up or not, with their reasons, and what was left out."""
    failed = [record for record in records if record.status is Status.FAILED]
    lines = [f"failed: {record.trial}: {record.reason.splitlines()[0] if record.reason else ''}" for record in failed]
    if len(lines) > MOST_FAILED:
        lines = [*lines[:MOST_FAILED], f"and {len(lines) - MOST_FAILED} other failed trials"]
    if ending is None:
        return lines
    lines += [f"left out: {left.pair}, {several(left.trials, 'trial')}: {left.reason}" for left in ending.left_out]
    return lines + ([ending.budget] if ending.budget else [])


def message_of(run: Path, ending: Ending) -> dict[str, Any]:
    """What an address is told of the end of a sweep: the grid, how it ended, counts, the best of each target, what is next."""
    mark = read_mark(run)
    records = current_records(run, mark)
    go_on = "table" if ending.state is EndState.FINISHED else "resume"
    return {
        "sweep": mark.sweep,
        "grid": mark.grid,
        "state": str(ending.state),
        "reason": ending.reason,
        "trials": mark.trials,
        "records": len(records),
        **{str(status): sum(record.status is status for record in records) for status in (Status.STOPPED, Status.FAILED)},
        "left_out": sum(left.trials for left in ending.left_out),
        "seconds": round(ending.seconds, 1),
        "best": [best for table in tables_from(records, mark) for best in _best(table)],
        "next": f"sweep {go_on} --run {shlex.quote(str(run))}",
    }


def _best(table: TransferTable) -> Iterator[dict[str, Any]]:
    """The best row of each target."""
    for target in table.targets:
        cells = [table.cells[name][target] for name in table.intermediates]
        scored = [(cell.score, cell) for cell in cells if cell.score is not None]
        if scored:
            score, cell = max(scored, key=lambda pair: pair[0])
            delta = None if cell.delta is None else round(cell.delta, 2)
            place = {"model": table.model, "target": target, "intermediate": cell.intermediate}
            yield {**place, "score": round(score, 2), "delta": delta, "synthetic": cell.synthetic}
