"""What every launch does before its first trial and after its last, so that other shells, sweeps and people know of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from sweep.ending import Ending, forget_ending, write_ending
from sweep.gc.users import register
from sweep.launching.leftovers import remove_leftovers
from sweep.launching.outcome import message_of, print_outcome
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan
from sweep.runfolder import RunMark
from sweep.services.using import keep_databases
from sweep.steering.requests import StopRequest, write_options
from sweep.watch.notify import notify
from training.errors import UserError


def open_launch(plan: Plan, options: LaunchOptions, mark: RunMark) -> StopRequest:
    """Begin a launch in a run folder that it holds and has marked; returns its ear for `sweep stop`, a gate of the search.

    The options are written down for `sweep resume`, the store learns who uses it (waiting for a `sweep gc` to end), how an
    earlier launch ended is forgotten, and what it left half-written goes. Raises StoreError.
    """
    launch = write_options(plan.run, options)
    forget_ending(plan.run)
    register(plan.store, plan.run, mark)
    remove_leftovers(plan.run, plan.store)
    return StopRequest(plan.run, launch)


def close_launch(plan: Plan, options: LaunchOptions, console: Console, ending: Ending) -> None:
    """End a launch: tidy the run folder, write down how it ended, show the outcome, tell the address to notify.

    Raises UserError where the outcome can't be shown.
    """
    ending = _dated(ending)
    remove_leftovers(plan.run, plan.store)
    try:
        write_ending(plan.run, ending)
    except UserError as fault:  # a full disk must not keep the outcome from being shown
        console.print(str(fault), style="yellow", highlight=False, markup=False)
    print_outcome(plan, console, ending.seconds, ending)
    _back_up(console)
    tell(plan, options, console, ending)


def fail_launch(plan: Plan, options: LaunchOptions, console: Console, ending: Ending) -> None:
    """A fault of the user's ended a launch: write down how, and tell the address to notify; who called shows the fault."""
    with contextlib.suppress(UserError):
        write_ending(plan.run, _dated(ending))
    _back_up(console)
    tell(plan, options, console, ending)


def tell(plan: Plan, options: LaunchOptions, console: Console, ending: Ending) -> None:
    """Tell the address to notify, if there is one; a fault is one line for the user and no more."""
    if options.notify is None:
        return
    try:
        fault = notify(options.notify, message_of(plan.run, ending))
    except UserError as error:
        fault = f"nobody was told of the end: {error.cause}"
    if fault:
        console.print(fault, style="yellow", highlight=False, markup=False)


def _back_up(console: Console) -> None:
    """The head may go as soon as its sweep has ended, so its databases do not wait for the next backup."""
    line = keep_databases()
    if line:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _dated(ending: Ending) -> Ending:
    return ending if ending.at else replace(ending, at=datetime.now(UTC).isoformat(timespec="seconds"))
