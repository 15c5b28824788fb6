"""How a launch shows itself: a live table on a terminal; elsewhere a line a trial, and one a minute when nothing ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from sweep.amounts import amount, duration, several
from sweep.foreseen import mark_of
from sweep.planning.plan import Plan
from sweep.runfolder import RunMark
from sweep.watch.glances import GlanceReader, glance
from sweep.watch.live import doing, read_live
from sweep.watch.standing import INTERVAL, Pace, Standing, write_standing
from sweep.watch.table import LiveTable, at_most
from sweep.watch.tally import Tally
from training.record import RUNGS, RungScore, Status, TrialRecord

REFRESH = 0.5
HEARTBEAT = 60.0
"""Seconds without a line after which a launch that has no terminal says what it is doing."""
MOST_LIVE = 64
"""Live files that are read for one drawing."""


class ProgressView:
    """What the launching process shows. Only its own thread may call it; drawing takes place twice a second at most."""

    def __init__(
        self,
        plan: Plan,
        console: Console,
        records: Iterable[TrialRecord] = (),
        *,
        budget: Callable[[], str] = str,
        still: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take up what earlier launches left.

        `budget` says what is spent of what (nothing: no budget); `still` gives how many trials are likely still to run, which
        with early stopping is fewer than those without a record.
        """
        self.plan, self.console, self.clock = plan, console, clock
        self._budget, self._still, self._rungs = budget, still, GlanceReader(plan.run, RUNGS)
        unmarked = RunMark(schema=1, sweep="", grid=plan.grid.name)
        self.standing = Standing(Tally(mark_of(plan, unmarked)), Pace(clock(), clock), state="starting")
        for record in records:
            self.standing.tally.note(glance(record))
        self.standing.tally.note_paused(self._rungs.read_all())
        self._shown, self._written, self._spoke = float("-inf"), float("-inf"), clock()
        before = self.standing.tally.settled
        studies = several(len(plan.studies), "study", "studies")
        earlier = f", {before} done before" if before else ""
        self._table: Live | None = None
        most = "at most " if plan.grid.search.stopping else ""
        self._say(f"{plan.grid.name}: {studies}, {most}{several(plan.trials(), 'trial')}{earlier}", markup=False)
        if console.is_terminal:
            self._table = Live(console=console, auto_refresh=False, transient=True, get_renderable=self._drawn)
            self._table.start(refresh=True)

    def refresh(self, running: int) -> None:
        """Show what is being trained; to be called often. `running` legs are under way."""
        now = self.clock()
        if now - self._shown < REFRESH:
            return
        self._shown = now
        self.standing.running = running
        if self.standing.state == "starting":
            self.standing.state = "running"
        if self._table is not None or now - self._spoke >= HEARTBEAT or now - self._written >= INTERVAL:
            with contextlib.suppress(OSError):  # a view that sees nothing for a while ends no sweep
                self._look(now)
        if self._table is not None:
            self._table.refresh()
        elif now - self._spoke >= HEARTBEAT:
            self._say(self._heartbeat(), markup=False)

    def ended(self, record: TrialRecord) -> None:
        """A trial has its record."""
        seen, tally = glance(record), self.standing.tally
        if tally.note(seen):
            self.standing.pace.note(seen)
        most = "≤" if tally.mark.stopping else ""
        place = f"[{tally.settled}/{most}{tally.trials}]".replace("[", "\\[")
        self._say(f"{place} {escape(record.trial)} {_what(record)}{self._time_left()}")
        if "damaged" in record.provenance:
            cause = f"damaged, set aside and trained again: {record.provenance['damaged']}"
            self._say(cause, style="yellow", markup=False)

    def say(self, text: str, style: str = "") -> None:
        """A line of its own, above the table."""
        self._say(text, style=style, markup=False)

    def stopping(self, now: bool, *, interrupted: bool = False) -> None:
        """Somebody has asked the sweep to end: from another shell, or (`interrupted`) with Ctrl-C in this one."""
        self.standing.state = "stopping"
        what = "running trials write their checkpoints" if now else "running trials go on to their ends, nothing new is started"
        again = "; Ctrl-C once more ends it without them" if interrupted else ""
        self.say(f"{'interrupted' if interrupted else 'asked to stop'}: {what}{again}", style="yellow")
        if self._table is not None:
            self._table.refresh()

    def close(self) -> None:
        """Take the table away."""
        if self._table is not None:
            self._table.stop()
            self._table = None

    def _look(self, now: float) -> None:
        """Bring the standing up to date with what running trials say of themselves."""
        standing = self.standing
        standing.live = read_live(self.plan.run, MOST_LIVE)
        standing.budget = self._budget()
        standing.left = self._likely_left()
        if now - self._written >= INTERVAL:
            self._written = now
            standing.tally.note_paused(self._rungs.read_all())
            write_standing(self.plan.run, standing)

    def _drawn(self) -> LiveTable:
        return LiveTable(self.standing)

    def _heartbeat(self) -> str:
        standing = self.standing
        busy = [text for state in standing.live if (text := doing(state))]
        more = f" and {standing.running - 2} others" if standing.running > 2 else ""
        pace, tally = standing.pace.tokens_a_second, standing.tally
        parts = [
            f"{tally.settled} of {at_most(standing)}{tally.trials} trials after {duration(standing.pace.seconds)}",
            f"{standing.running} running: {'; '.join(busy[:2])}{more}" if busy else f"{standing.running} running",
            *([f"{amount(pace)} tokens/s"] if pace else []),
            *([standing.budget] if standing.budget else []),
            *([f"about {duration(standing.left)} left"] if standing.left is not None else []),
        ]
        return ", ".join(parts)

    def _time_left(self) -> str:
        if self._table is not None:
            return ""
        left = self._likely_left()
        return f", about {duration(left)} left" if left is not None else ""

    def _likely_left(self) -> float | None:
        """Seconds that are likely left, by the pace so far; None where nothing has ended."""
        tally, standing = self.standing.tally, self.standing
        still = self._still() if self._still is not None else tally.trials - tally.settled
        return standing.pace.left(still, standing.running)

    def _say(self, text: str, *, style: str = "", markup: bool = True) -> None:
        self._spoke = self.clock()
        self.console.print(text, style=style or None, highlight=False, markup=markup, soft_wrap=self._table is None)


def _what(record: TrialRecord) -> str:
    """What came of a trial, in rich's markup."""
    if record.status is Status.FAILED:
        return f"[red]failed[/red]: {escape(record.reason.splitlines()[0] if record.reason else '')}"
    trained = sum(phase.outcome == "trained" for phase in record.phases)
    score = f"{record.selection.task} dev {record.selection.score:.1f}" if record.selection else "nothing to choose by"
    if record.status is Status.STOPPED:
        return escape(f"stopped early: {score}{_at(record.rungs)}")
    means = ", ".join(f"{result.task} {result.mean:.1f}" for result in record.results)
    phases = f"{trained} trained, {len(record.phases) - trained} reused"
    return escape(f"{score} → {means} ({phases}, {record.timing.get('seconds', 0.0):.1f} s)")


def _at(rungs: tuple[RungScore, ...]) -> str:
    """Where a trial was stopped: ` after 3 of 24 steps`."""
    return f" after {rungs[-1].step} of {rungs[-1].steps} steps" if rungs else ""
