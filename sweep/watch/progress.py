"""How a launch shows itself: one bar with time left on a terminal, a plain line a trial elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sweep.planning.plan import Plan
from sweep.watch.live import doing, read_live
from training.record import Status, TrialRecord

REFRESH = 0.5


class ProgressView:
    """Trials done of all, what is being trained, and time left."""

    def __init__(self, plan: Plan, console: Console, done: int) -> None:
        self.plan, self.console, self.total, self.done = plan, console, plan.trials(), done
        self.reused, self.interrupted, self.fatal, self.began, self.shown = done, False, "", time.monotonic(), 0.0
        head = f"{plan.grid.name}: {len(plan.studies)} studies, {self.total} trials" + (f", {done} done before" if done else "")
        console.print(head, highlight=False)
        self.bar: Progress | None = None
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self.task = self.bar.add_task("trials", total=self.total, completed=done)
            self.bar.start()

    def refresh(self, running: int) -> None:
        """Say what is being trained."""
        if self.bar is None or time.monotonic() - self.shown < REFRESH:
            return
        self.shown = time.monotonic()
        phases = [text for state in read_live(self.plan.run) if (text := doing(state))]
        self.bar.update(self.task, description=escape("; ".join(phases[:2]) or "trials"))

    def ended(self, record: TrialRecord) -> None:
        """A trial has its record."""
        self.done += 1
        trained = sum(phase.outcome == "trained" for phase in record.phases)
        if record.status is Status.FAILED:
            what = f"[red]failed[/red]: {escape(record.reason.splitlines()[0] if record.reason else '')}"
        else:
            score = f"{record.selection.task} dev {record.selection.score:.1f}" if record.selection else "nothing to choose by"
            means = ", ".join(f"{result.task} {result.mean:.1f}" for result in record.results)
            phases = f"{trained} trained, {len(record.phases) - trained} reused"
            what = escape(f"{score} → {means} ({phases}, {record.timing['seconds']:.1f} s)")
        self.console.print(
            f"[{self.done}/{self.total}]".replace("[", "\\[") + f" {escape(record.trial)} {what}{self._left()}",
            highlight=False,
            soft_wrap=True,
        )
        if "damaged" in record.provenance:
            cause = f"damaged, set aside and trained again: {record.provenance['damaged']}"
            self.console.print(cause, style="yellow", highlight=False, markup=False)
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done)

    def _left(self) -> str:
        if self.bar is not None or self.done <= self.reused:
            return ""
        rate = (time.monotonic() - self.began) / (self.done - self.reused)
        return f", about {rate * (self.total - self.done):.0f} s left"

    def lost(self, trial: str, where: str) -> None:
        """A trial was given up without a record."""
        self.fatal = self.fatal or f"trial {trial} ended without a result" + (f" (see {where})" if where else "")
        self.console.print(f"[red]gave up[/red] {escape(trial)} {escape(where)}", highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
