"""How `sweep data prepare` shows itself: a bar with the time left on a terminal, a plain line a task elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from training.data.known_issues import reason_of
from training.data.manifest import Manifest, SplitEntry
from training.data.units import Unit


class PrepareView:
    """Files of a split and language done of all, and time left."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self.total, self.done, self.began_at = 0, 0, time.monotonic()
        self.bar: Progress | None = None

    def __enter__(self) -> PrepareView:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def began(self, units: int, skipped: int) -> None:
        """So many units are to be prepared; so many are there already."""
        self.total, self.began_at = units, time.monotonic()
        there = f", {skipped} prepared before" if skipped else ""
        self.console.print(f"{units} files of a split and language to prepare{there}", highlight=False)
        if self.console.is_terminal and units:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self.bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=self.console, transient=True)
            self.task = self.bar.add_task("preparing", total=units)
            self.bar.start()

    def unit_done(self, unit: Unit, entry: SplitEntry | None, cause: str) -> None:
        """A unit is prepared, or failed for a cause."""
        self.done += 1
        place = f"{unit.row.name} {unit.split}/{unit.language}"
        if entry is None:
            self.console.print(f"[red]failed[/red] {escape(place)}: {escape(cause.splitlines()[0])}", highlight=False)
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, description=escape(place))

    def task_done(self, manifest: Manifest, absent: int) -> None:
        """A task's manifest is written; so many of its splits are nowhere to be had."""
        units = [(split, entry) for split, _, entry in manifest.units()]
        origins = Counter(str(entry.origin) for _, entry in units)
        rows = sum(entry.rows for _, entry in units)
        files = " and ".join(f"{count} files {origin}" for origin, count in origins.items())
        parts = [f"{rows:,} rows", files or "nothing"]
        if manifest.failed:
            parts.append(f"[red]{len(manifest.failed)} failed[/red]")
        if absent:
            parts.append(f"{absent} absent")
        new = [finding for finding in manifest.findings() if not reason_of(manifest.task, finding)]
        if new:
            checks = Counter(finding.check for finding in new)
            counted = ", ".join(f"{check} ({count})" for check, count in checks.items())
            parts.append(f"[yellow]findings: {counted}[/yellow]")
        self.console.print(f"[bold]{escape(manifest.task)}[/bold]: {', '.join(parts)}{self._left()}", highlight=False)

    def _left(self) -> str:
        if self.bar is not None or not 0 < self.done < self.total:
            return ""
        seconds = (time.monotonic() - self.began_at) / self.done * (self.total - self.done)
        return f"; {self.done} of {self.total} files, about {seconds:.0f} s left"
