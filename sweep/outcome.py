"""What a launch ends with: the transfer table, what is missing, and the commands to go on with."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from reports.cells import Pair
from reports.frame import Expectation, TransferTable, transfer_tables
from reports.table import render_transfer
from sweep.amounts import amount, duration, several
from sweep.ending import Ending, EndState
from sweep.runfolder import PairMark, RunMark, read_mark
from sweep.tidy import readable_records, waiting_trials
from sweep.tracking import open_tracker, ui_command
from sweep.words import print_lines
from training.errors import UserError
from training.record import Status, TrialRecord

if TYPE_CHECKING:  # torch takes seconds to load
    from sweep.planning.plan import Plan

MOST_FAILED = 10
"""Failed trials that are named one by one."""


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
        budgets={study.label: plan.settings_of(study) for study in plan.studies},
        chained=tuple(sorted({row.train_first for row in plan.grid.rows.values() if row.train_first})),
        store="" if plan.store == plan.run / "phases" else str(plan.store),
        resources={
            "gpu": max(map(plan.gpus_of, plan.studies), default=0.0),
            "cpu": plan.grid.resources.cpu * plan.grid.resources.workers,
        },
        shares=dict(plan.shares),
        stopping=plan.grid.search.stopping is not None,
        left_out=tuple(PairMark(**pair._asdict(), settings=0) for pair in plan.left_out),
    )


def current_records(run: Path, mark: RunMark) -> list[TrialRecord]:
    """Records of the studies of the latest launch: those of an earlier form of the grid stay on disk and out of its tables."""
    return current_of(readable_records(run, set_aside=False)[0], mark)


def current_of(records: Iterable[TrialRecord], mark: RunMark) -> list[TrialRecord]:
    """Those of the studies and seeds of the latest launch."""
    studies, seeds = set(mark.studies), set(mark.seeds)
    return [record for record in records if record.study in studies and record.seed in seeds]


def expectation_of(mark: RunMark) -> Expectation:
    """What the latest launch foresees, for the transfer tables."""
    settings = {Pair(pair.model, pair.intermediate, pair.target): pair.settings for pair in mark.pairs}
    left_out = tuple(Pair(pair.model, pair.intermediate, pair.target) for pair in mark.left_out)
    return Expectation(seeds=mark.seeds, settings=settings, stopping=mark.stopping, left_out=left_out)


def tables_of(run: Path, tell: Callable[[str], None] = lambda line: None) -> list[TransferTable]:
    """The transfer tables of a run folder, with what is still missing; raises UserError when it is not one.

    `tell` is given a line for each record that is damaged, and so left out.
    """
    return transfer_tables(*_seen(run, tell))


def _seen(run: Path, tell: Callable[[str], None]) -> tuple[list[TrialRecord], Expectation]:
    mark = read_mark(run)
    records, damaged = readable_records(run, set_aside=False)
    for line in damaged:
        tell(line)
    return current_of(records, mark), expectation_of(mark)


def print_outcome(plan: Plan, console: Console, seconds: float, ending: Ending | None = None) -> None:
    """Table, counts, what went wrong or was left out, and the next commands."""
    mark = read_mark(plan.run)
    records = current_records(plan.run, mark)
    waiting = current_of(waiting_trials(plan.run, set_aside=False)[0], mark)
    console.print()
    console.print(render_transfer(transfer_tables(records, expectation_of(mark))))
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
        "best": [best for table in transfer_tables(records, expectation_of(mark)) for best in _best(table)],
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


def shown(run: Path) -> str:
    """A run folder as a user would write it: relative where it is below the working folder."""
    here, run = Path.cwd(), run.absolute()
    return shlex.quote(str(run.relative_to(here) if run.is_relative_to(here) else run))
