"""`sweep status`: how far a sweep is, from any shell, from the run folder alone."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from sweep.amounts import size
from sweep.ending import Ending, EndState, read_ending
from sweep.runfolder import RunMark, is_held, read_mark, store_of
from sweep.steering.requests import is_stopping, launched
from sweep.watch.glances import GlanceReader
from sweep.watch.live import doing, read_live
from sweep.watch.standing import Pace, Standing, read_standing
from sweep.watch.tally import Tally
from training.files.codec import to_payload
from training.record import RUNGS

STALE = 30.0
"""Seconds without a sign of life after which a running trial is called silent."""
MOST_NAMED = 20
"""Failed trials, and damaged files, that are named one by one."""


@dataclass
class Look:
    """Looks at one run folder, again and again: records are read once, and counted as they come."""

    run: Path
    mark: RunMark = field(init=False)
    standing: Standing = field(init=False)
    damaged: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Begin to read; raises UserError when the folder is no run folder."""
        self._begin(read_mark(self.run))

    def _begin(self, mark: RunMark) -> None:
        self.mark, self._reader = mark, GlanceReader(self.run)
        self._rungs = GlanceReader(self.run, RUNGS)
        self._launch = launched(self.run)
        began = float(self._launch.get("began", time.time()))
        self.standing = Standing(Tally(mark), Pace(began))

    def again(self) -> Standing:
        """The standing now; raises UserError when the folder is no run folder any more."""
        mark = read_mark(self.run)
        if mark != self.mark or launched(self.run) != self._launch:
            self._begin(mark)
        standing, began = self.standing, self.standing.pace.began
        for seen in self._reader.read():
            if standing.tally.note(seen) and seen.written >= began:
                standing.pace.note(seen)
        held = is_held(self.run)
        standing.state = state_of(self.run, standing.tally, held)
        standing.live = read_live(self.run) if held else []
        told = read_standing(self.run) if held else {}
        standing.running = len(standing.live)
        standing.tally.note_paused(self._rungs.read_all())
        self.damaged = sorted(self._reader.damaged | self._rungs.damaged)
        standing.budget = str(told.get("budget", ""))
        known, open_trials = told.get("left"), standing.tally.trials - standing.tally.settled
        likely = standing.pace.left(open_trials, standing.running) if known is None else float(known)
        standing.left = likely if held else None
        return standing


def state_of(run: Path, tally: Tally, held: bool) -> str:
    """`running`, `stopping`, `finished`, `left out` (of budget or time), `failed`, or `stopped` (by the user, or killed)."""
    if held:
        return "stopping" if is_stopping(run) else "running"
    ending = read_ending(run)
    if ending is not None:
        return str(ending.state)
    return str(EndState.FINISHED if tally.settled >= tally.trials else EndState.STOPPED)


def status_of(run: Path) -> dict[str, Any]:
    """Counts, pairs, running trials, rates and storage of a run folder; raises UserError when it is not one."""
    look = Look(run)
    standing, tally = look.again(), look.standing.tally
    store = store_of(run, look.mark)
    ending = read_ending(run)
    return {
        "grid": look.mark.grid,
        "run": str(run),
        "state": standing.state,
        "trials": tally.trials,
        "done": tally.settled,
        "finished": tally.finished,
        "stopped_early": tally.stopped,
        "paused": tally.paused,
        "failed": [trial for trial, _ in tally.failures],
        "failures": dict(tally.failures),
        "damaged": look.damaged,
        "phases": _count(store, "--"),
        "phases_trained": len(tally.trained),
        "phases_reused": tally.reused,
        "tokens_trained": tally.tokens,
        "hours": {"unit": look.mark.unit, "spent": round(tally.hours, 4)},
        "rates": _rates(standing),
        "seconds_left": standing.left,
        "budget": standing.budget or (ending.budget if ending else ""),
        "storage_bytes": {"store": folder_size(store), "run": folder_size(run, skip=store)},
        "store": str(store),
        "pairs": [
            {
                "pair": pair.name,
                "settings": pair.settings,
                "settings_tried": len(pair.tried),
                "trials": pair.trials,
                "done": pair.settled,
                "stopped_early": pair.stopped,
                "failed": pair.failed,
                "best_dev": pair.best,
            }
            for pair in tally.pairs.values()
        ],
        "running": [_running(state) for state in standing.live],
        "ending": to_payload(ending) if ending else None,
        "next": next_command(run, standing.state, damaged=bool(look.damaged)),
    }


def _rates(standing: Standing) -> dict[str, float | None]:
    """The pace of the launch that is at work; None where none is."""
    if not standing.busy:
        return {"trials_an_hour": None, "tokens_a_second": None}
    return {"trials_an_hour": standing.pace.trials_an_hour, "tokens_a_second": standing.pace.tokens_a_second}


def next_command(run: Path, state: str, *, damaged: bool = False) -> str:
    """What a user is likely to want next; trials whose records are damaged run again in the next launch."""
    where = shlex.quote(str(run))
    if state in ("running", "stopping"):
        return f"sweep status --watch --run {where}"
    done = state == EndState.FINISHED and not damaged
    return f"sweep table --run {where}" if done else f"sweep resume --run {where}"


def _running(state: dict[str, Any]) -> dict[str, Any]:
    updated = float(state.get("updated", 0.0))
    return {
        "trial": state.get("trial", ""),
        "phase": state.get("phase", "starting"),
        "step": state.get("step", 0),
        "steps": state.get("steps", 0),
        "loss": state.get("loss"),
        "doing": doing(state) or "starting",
        "seconds": round(time.time() - float(state.get("started", updated)), 1),
        "silent": time.time() - updated > STALE,
    }


def print_status(run: Path, as_json: bool = False) -> None:
    """Print `status_of` for a person or a program."""
    if as_json:
        click.echo(json.dumps(status_of(run), indent=1))
        return
    from rich.console import Console

    from sweep.watch.table import LiveTable
    from sweep.words import print_lines, print_rich

    look = Look(run)
    standing = look.again()
    print_rich(LiveTable(standing, height=10_000))
    console = Console()
    for line in _further(look, standing, read_ending(run)):
        print_lines(console, line)


def _further(look: Look, standing: Standing, ending: Ending | None) -> Iterator[str]:
    """What a person needs besides the table."""
    silent = [state for state in map(_running, standing.live) if state["silent"]]
    for state in silent:
        yield f"  silent for more than {STALE:.0f} s: {state['trial']} ({state['doing']})"
    failures = standing.tally.failures
    for trial, reason in failures[:MOST_NAMED]:
        yield f"  failed: {trial}: {reason}"
    if len(failures) > MOST_NAMED:
        yield f"  and {len(failures) - MOST_NAMED} other failed trials"
    for name in look.damaged[:MOST_NAMED]:
        yield f"  damaged: {name}: the next launch sets it aside and runs its trial again"
    if len(look.damaged) > MOST_NAMED:
        yield f"  and {len(look.damaged) - MOST_NAMED} other damaged files"
    if ending is not None and ending.reason:
        yield f"ended with: {ending.reason}"
    for left in ending.left_out if ending else ():
        yield f"  left out: {left.pair}, {left.trials} trials: {left.reason}"
    store = store_of(look.run, look.mark)
    yield f"{_count(store, '--')} phases in {store}, {size(folder_size(store))}"
    yield f"next: {next_command(look.run, standing.state, damaged=bool(look.damaged))}"


def _count(folder: Path, named: str = "") -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(named in entry.name and not entry.name.startswith(".") for entry in entries)
    except OSError:
        return 0


def folder_size(folder: Path, skip: Path | None = None) -> int:
    """Bytes of all files below a folder; files that come and go meanwhile are counted or not."""
    total = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if skip is None or Path(place, name) != skip]
        for name in files:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
    return total
