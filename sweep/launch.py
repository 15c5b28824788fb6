"""`sweep launch`: from a grid to its transfer table; the same command again goes on where it was.

A launch holds its run folder from beginning to end. It says what a changed grid changes before anything starts, runs what is
left, and writes down how it ended.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search_spaces.reading import load_grid
from sweep.bucket.files import bring_rankings, objects_of
from sweep.bucket.keeping import kept_behind, refuse_foreign_behind
from sweep.ending import Ending, EndState
from sweep.foreseen import current_records, mark_of
from sweep.launching.amend import changes, write_snapshot
from sweep.launching.closing import close_launch, fail_launch, open_launch
from sweep.launching.experiment import run_experiment, share_gpus
from sweep.launching.interrupts import insisting
from sweep.masking import masked
from sweep.options import LaunchOptions
from sweep.planning.limits import limits_of
from sweep.planning.plan import Plan
from sweep.planning.preparing import prepare
from sweep.ranking.choosing import rank_line
from sweep.records import readable_records, set_failed_aside, waiting_trials
from sweep.runfolder import MARK, RunMark, hold, open_run, refuse_foreign, write_mark
from sweep.snapshots import read_snapshot
from sweep.steering.requests import StopRequest
from sweep.words import EXIT_INCOMPLETE, EXIT_INTERRUPTED, busy, print_lines, shown
from training.errors import StoreError, UserError
from training.files.storage import FLEETING
from training.record import Status, TrialRecord
from training.stores.behind import address_behind, check_behind

if TYPE_CHECKING:
    from sweep.planning.budget import Budget
    from sweep.planning.costs import Costs
    from sweep.search.board import Board


def launch(options: LaunchOptions, console: Console | None = None, where: str = "") -> int:
    """Run a grid to its end; returns the exit code. `where` is told first, with what the sweep may cost where that is known.

    0: every trial has its record. 1: some failed, or a fault stopped the sweep. 3: it ended before (a budget, a deadline,
    `sweep stop`). 130: interrupted. Everything that can be checked is checked before the run folder is touched.

    Raises UserError or Faults on what does not fit.
    """
    console = console or Console()
    try:
        with insisting():
            return _launched(options, console, where)
    except OSError as error:
        if error.errno not in FLEETING:
            raise
        remedy = "check the disk and the network, then give the same command again: what is finished is kept"
        raise StoreError("the storage does not answer", error, remedy) from error
    except KeyboardInterrupt:
        run = options.folder
        begun = (run / MARK).is_file()
        console.print(go_on(run) if begun else "stopped before anything was run", highlight=False, soft_wrap=True)
        return EXIT_INTERRUPTED


def _launched(options: LaunchOptions, console: Console, where: str) -> int:
    grid, run = load_grid(options.grid), options.folder.resolve()
    refuse_foreign(run, grid.name)
    limits_of(options)  # before anything takes time
    check_behind(options.store)
    behind = address_behind(options.store) if options.store and grid.rank is not None else ""
    if behind:
        refuse_foreign_behind(behind, run, grid.name)
        bring_rankings(objects_of(behind, run), run)
    with busy(console, "reading the grid, its models and its data"):
        plan, said = share_gpus(prepare(options, read_data=True))
    said = [*([rank_line(plan.grid, plan.left_out, known=True)] if plan.grid.rank else []), *said]
    for line in [*([where + _may_cost(plan, options)] if where else []), *said]:
        print_lines(console, line)
    refuse_foreign_behind(plan.behind, plan.run, plan.grid.name)
    tell = partial(print_lines, console, style="yellow")
    with hold(plan.run), kept_behind(plan.behind, plan.run, tell):
        return _Launch(plan, options, console).run()


def go_on(run: Path) -> str:
    """What is told of a sweep that was interrupted, with the command that goes on with it."""
    return f"stopped; what is finished is kept. To go on: sweep resume --run {shown(run)}"


@dataclass(frozen=True)
class _Found:
    """What earlier launches left: every record, and the trials that wait at a rung."""

    records: list[TrialRecord]
    paused: list[TrialRecord]


class _Launch:
    """One launch in a run folder that it holds."""

    def __init__(self, plan: Plan, options: LaunchOptions, console: Console) -> None:
        self.plan, self.options, self.console = plan, options, console
        self.began = time.monotonic()

    def run(self) -> int:
        """From taking up what is there to the outcome."""
        before = open_run(self.plan.run, self.plan.grid.name)
        found = self._take_up()
        for line in changes(read_snapshot(self.plan.run), before, self.plan, found.records):
            print_lines(self.console, line)
        mark = mark_of(self.plan, before)
        write_mark(self.plan.run, mark)
        write_snapshot(self.plan)
        request = open_launch(self.plan, self.options, mark)
        try:
            ending = self._searched(found, mark, request)
        except UserError as fault:
            ending = Ending(state=EndState.FAILED, reason=masked(str(fault)), seconds=time.monotonic() - self.began)
            fail_launch(self.plan, self.options, self.console, ending)
            raise
        request.honoured()
        close_launch(self.plan, self.options, self.console, ending)
        return self._code(ending, mark)

    def _take_up(self) -> _Found:
        """Records and waiting trials of earlier launches; says which were damaged."""
        if self.options.retry_failed:
            set_failed_aside(self.plan.run)
        records, damaged = readable_records(self.plan.run)
        paused, more = waiting_trials(self.plan.run)
        for line in damaged + more:
            self._warn(line)
        return _Found(records, paused)

    def _searched(self, found: _Found, mark: RunMark, request: StopRequest) -> Ending:
        """Open the studies, start Ray and run what is left."""
        from sweep.launching.callbacks import Ears, StopWhenOver
        from sweep.planning.budget import budget_of, left_out
        from sweep.search.board import Board
        from sweep.search.storage import VARIABLE, open_storage
        from sweep.tracking import MirrorQueue, open_tracker
        from sweep.watch.progress import ProgressView

        plan = self.plan
        budget = budget_of(plan, self.options, [*found.records, *found.paused])
        costs = budget.costs if budget else _costs(plan, found.records)
        url = os.environ.get(VARIABLE) or f"sqlite:///{plan.run / 'optuna.db'}"
        storage = open_storage(url, self._warn)
        gates: tuple[Any, ...] = (request, budget) if budget else (request,)
        board = Board.open(plan, storage, found.records, found.paused, mark.sweep, seconds=costs.likely, gates=gates)
        queue = MirrorQueue(open_tracker(plan.run), warn=self._warn)
        view = ProgressView(plan, self.console, found.records, budget=partial(_spent, budget), still=partial(_still, board))
        stopper = StopWhenOver(plan, request)
        ears = Ears(board, queue, view, stopper)
        try:
            for record in found.records:
                queue.put(record)
            ears.settle()
            if board.finished:
                self.console.print("nothing to run: every trial of this grid has its record", highlight=False)
            elif not stopper.fatal:
                run_experiment(plan, board, ears, stopper)
        finally:
            view.close()
            queue.close(timeout=120.0)
            storage.close()
        fault = stopper.fatal or str((budget.fault() if budget else None) or "")
        state = _state(board, fault, request, budget)
        asked = state is EndState.STOPPED and request.request is not None and not request.interrupted
        return Ending(
            state=state,
            reason=masked(fault) or (_ASKED if asked else ""),
            seconds=time.monotonic() - self.began,
            left_out=tuple(left_out(board)) if state is EndState.LEFT_OUT else (),
            budget=_spent(budget),
        )

    def _code(self, ending: Ending, mark: RunMark) -> int:
        if ending.state is EndState.FAILED:
            print_lines(self.console, f"error: {ending.reason}", style="red")
            return 1
        if ending.state is EndState.FINISHED:
            records = current_records(self.plan.run, mark)
            return 1 if any(record.status is Status.FAILED for record in records) else 0
        if ending.state is EndState.LEFT_OUT or ending.reason == _ASKED:
            return EXIT_INCOMPLETE
        self.console.print(go_on(self.plan.run), highlight=False, soft_wrap=True)
        return EXIT_INTERRUPTED

    def _warn(self, line: str) -> None:
        print_lines(self.console, line, style="yellow")


_ASKED = "asked to stop"


def _may_cost(plan: Plan, options: LaunchOptions) -> str:
    """What the plan may cost, where a price is known."""
    if options.price is None:
        return ""
    from sweep.planning.nominal import NominalPlan
    from sweep.planning.spending import may_cost

    return may_cost(NominalPlan(plan=plan, splits=(), models=()), options.price)


def _costs(plan: Plan, records: list[TrialRecord]) -> Costs:
    """Likely seconds of everything in the plan, to order work by: from earlier trials, else from published sizes."""
    from sweep.planning.costs import costs_of
    from sweep.planning.sizes import sizes_of

    return costs_of(plan, sizes_of(plan, plan.digests, records), records)


def _state(board: Board, fault: str, request: StopRequest, budget: Budget | None) -> EndState:
    if fault:
        return EndState.FAILED
    if board.finished:
        return EndState.FINISHED
    return EndState.LEFT_OUT if budget is not None and budget.refused and request.request is None else EndState.STOPPED


def _still(board: Board) -> int:
    """Trials that are likely still to run: what is open, and what each study will ask for."""
    return sum(book.likely_left() for book in board.books)


def _spent(budget: Budget | None) -> str:
    """What is spent of what is allowed; nothing without a limit."""
    if budget is None:
        return ""
    from sweep.planning.budget import hours_text

    allowed = f" of {hours_text(budget.limits.hours)}" if budget.limits.hours is not None else ""
    return f"{hours_text(budget.spent())}{allowed} GPU-hours"
