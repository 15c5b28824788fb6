"""How `sweep submit` shows itself: a bar with the time left on a terminal, a plain line a task elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sweep.amounts import several


class View:
    """Test examples predicted of all, and the time left."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console or Console(file=sys.stdout, soft_wrap=True, highlight=False)
        self.clock, self.began_at = clock, clock()
        self.counts: Mapping[str, Mapping[str, int]] = {}
        self.left: dict[str, set[str]] = {}
        self.total, self.predicted = 0, 0
        self.bar: Progress | None = None

    def __enter__(self) -> View:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def began(self, counts: Mapping[str, Mapping[str, int]], todo: Mapping[str, Sequence[str]]) -> None:
        """So many examples there are by folder and language; `todo` are the languages to be predicted."""
        self.counts, self.left, self.began_at = counts, {name: set(found) for name, found in todo.items()}, self.clock()
        self.total = sum(counts[name][language] for name, found in todo.items() for language in found)
        files, there = sum(map(len, todo.values())), sum(len(counts[name]) for name in todo) - sum(map(len, todo.values()))
        before = f", {several(there, 'other')} there already" if there else ""
        self.console.print(f"{several(files, 'file')} of {self.total:,} test examples to predict{before}", highlight=False)
        if self.console.is_terminal and files:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
            self.bar = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=self.console, transient=True)
            self.task = self.bar.add_task("predicting", total=self.total)
            self.bar.start()

    def encoding(self, subject: str, done: int, total: int) -> None:
        """A split is being tokenised."""
        if self.bar is not None:
            self.bar.update(self.task, description=escape(f"{subject}: tokenised {done} of {total}"))

    def done(self, folder: str, language: str) -> None:
        """A file is written."""
        if language not in self.left[folder]:
            return
        self.left[folder].discard(language)
        self.predicted += self.counts[folder][language]
        if self.bar is not None:
            self.bar.update(self.task, completed=self.predicted, description=escape(f"{folder} {language}"))
        if not self.left[folder]:
            self.console.print(f"[bold]{escape(folder)}[/bold] predicted{self._time_left()}", highlight=False)

    def _time_left(self) -> str:
        if self.bar is not None or not 0 < self.predicted < self.total:
            return ""
        seconds = (self.clock() - self.began_at) / self.predicted * (self.total - self.predicted)
        return f"; {self.predicted:,} of {self.total:,} examples, about {seconds:.0f} s left"
