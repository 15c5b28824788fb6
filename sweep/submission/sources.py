"""The test sets of a benchmark's tasks: whole, in every language, encoded as the grid encodes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reports.submission.splits import SplitData
from sweep.options import needed_data_folder
from training.data.loading import DataSource
from training.tasks.benchmarks import Benchmark, BenchmarkTask
from training.tasks.registry import row as row_of
from training.tasks.row import TaskRow

if TYPE_CHECKING:
    from sweep.submission.facts import Facts


@dataclass(frozen=True)
class TaskData:
    """Test sets below a data folder (None: none was given), with what a run's grid changes of the rows (None: nothing)."""

    data: Path | None
    facts: Facts | None = None
    _rows: dict[str, TaskRow] = field(default_factory=dict, init=False, repr=False, compare=False)

    def row(self, name: str) -> TaskRow:
        """A task's row with the grid's lengths and paths, and all its languages."""
        if name not in self._rows:
            self._rows[name] = self._changed(row_of(name))
        return self._rows[name]

    def split(self, name: str) -> SplitData:
        """A task's test set; raises DataError where no data folder was given and the task needs one."""
        source = self._source(name)
        change = self.facts.of_task(name) if self.facts else None
        caps = {str(split): cap for split, cap in change.caps.items()} if change else {}
        return SplitData(source, replace(source, caps=caps))

    def sources(self, name: str) -> dict[str, DataSource]:
        """A task's data and that of the row that it learned from, of which nothing is read."""
        return {one: self._source(one) for one in (name, self.row(name).training_row)}

    def _source(self, name: str) -> DataSource:
        row = self.row(name)
        return DataSource(row=row, root=self._world if row.synthetic else self._folder)

    def _changed(self, row: TaskRow) -> TaskRow:
        if self.facts is None:
            return row
        from sweep.sources import with_grid_changes

        change = self.facts.of_task(row.name).model_copy(update={"languages": None})
        return with_grid_changes(row, change, {})

    @cached_property
    def _world(self) -> Path:
        from sweep.sources import mini_world

        return mini_world()

    @cached_property
    def _folder(self) -> Path:
        folder = self.data or (self.facts.folder if self.facts else None)
        return needed_data_folder(folder, "test sets are needed, and no data folder was given")


def without_unscored(benchmark: Benchmark) -> Benchmark:
    """A benchmark without the tasks that the official script has no languages for."""
    return replace(benchmark, tasks={name: task for name, task in benchmark.tasks.items() if task.scored})


def narrowed(benchmark: Benchmark, targets: Sequence[str]) -> Benchmark:
    """The mini world's benchmark, of the tasks that a grid has as targets alone: nobody asks for the others."""
    tasks = {name: task for name, task in benchmark.tasks.items() if task.row in targets}
    groups = dict(_groups_of(benchmark, tasks))
    return replace(benchmark, tasks=tasks, groups=groups)


def _groups_of(benchmark: Benchmark, tasks: Mapping[str, BenchmarkTask]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, folders in benchmark.groups.items():
        kept = tuple(folder for folder in folders if folder in tasks)
        if kept:
            yield name, kept
