"""Contrasts of intermediate tasks on one model's records: which rows of the table they are, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reports.cells import BASELINE, Cell
from reports.claims.study import MLM, NONE, SINGLES, Contrast, Tasks
from reports.claims.verdicts import Lack
from reports.frame import TransferTable
from reports.statistics.averages import AverageDelta, average_of, missing_of
from reports.statistics.compare import Covers
from reports.statistics.transfer import Arms
from training.identity import Role, TaskUse
from training.record import Status, TrialRecord
from training.tasks.registry import ROWS

ONE_SEED = "one seed: chance between seeds is unknown"


class Desk:
    """One model's table, what its rows train on, and its arms."""

    def __init__(self, table: TransferTable, arms: Arms, records: Iterable[TrialRecord]) -> None:
        self.table, self.arms = table, arms
        self._tasks = _tasks_of(table, records)

    def row(self, tasks: Tasks) -> str | None:
        """The first row of the table that trains on just these tasks; None where there is none."""
        return next((name for name in self.table.intermediates if self._tasks[name] == tasks), None)

    def twins(self, tasks: Tasks) -> tuple[str, ...]:
        """Further rows that train on the same tasks (mixed in another way, say), which no claim is judged by."""
        return tuple(name for name in self.table.intermediates if self._tasks[name] == tasks)[1:]

    def shown(self, tasks: Tasks) -> str:
        """What the table calls it, or what a grid would."""
        return self.row(tasks) or grid_entry(tasks)

    def cells(self, contrast: Contrast) -> Iterator[Cell]:
        """The cells that a contrast is made of, as far as they are there."""
        for tasks in (contrast.mine, contrast.other):
            row = self.table.cells.get(self.row(tasks) or "", {})
            yield from (row[target] for target in contrast.targets if target in row)

    def measure(self, contrast: Contrast, level: float) -> tuple[AverageDelta | None, Lack]:
        """The difference with its interval at `level`, and what is lacking to have one that is about seeds as well."""
        lack = self.lack(contrast)
        mine, other = self.row(contrast.mine), self.row(contrast.other)
        if lack or mine is None or other is None:
            return None, lack
        found = average_of(self.table, mine, contrast.targets, self.arms, level=level, against=other)
        if found.found is None:
            return None, Lack(seeds=True, other=found.missing)
        if found.found.covers is Covers.ITEMS:
            return found, Lack(seeds=True, other=(ONE_SEED,))
        return found, lack

    def lack(self, contrast: Contrast) -> Lack:
        """Rows, columns and cells that a contrast needs and the table does not have."""
        rows = [tasks for tasks in (contrast.mine, contrast.other) if self.row(tasks) is None]
        targets = tuple(target for target in contrast.targets if target not in self.table.targets)
        there = [target for target in contrast.targets if target in self.table.targets]
        unfinished, other = [], []
        mine, against = self.row(contrast.mine), self.row(contrast.other)
        for row in (mine, against):
            cells = self.table.cells.get(row or "", {})
            unfinished += [f"{row} → {target}" for target in there if row and cells[target].score is None]
        if mine and against and not unfinished:
            other = list(missing_of(self.table, mine, there, against))
        return Lack(
            intermediates=tuple(map(grid_entry, rows)), targets=targets, unfinished=tuple(unfinished), other=tuple(other)
        )


def grid_entry(tasks: Tasks) -> str:
    """How a grid's `intermediates` would name what trains on these tasks."""
    if tasks == NONE:
        return BASELINE
    names = sorted(tasks, key=lambda task: (SINGLES.index(task) if task in SINGLES else len(SINGLES), task))
    if len(names) == 1:
        return names[0]
    label = f"{names[0]}_mlm" if len(names) == 2 and MLM in names else "multi_task_mlm" if MLM in names else "multi_task"
    return f"{label}: [{', '.join(names)}]"


def _tasks_of(table: TransferTable, records: Iterable[TrialRecord]) -> Mapping[str, Tasks]:
    """What each row trains on before its target, by its finished trials; a row without any is taken by its name."""
    found: dict[str, Tasks] = {BASELINE: NONE}
    for record in records:
        if record.model == table.model and record.intermediate not in found and record.status is Status.FINISHED:
            found[record.intermediate] = _learned(record)
    return {name: found.get(name, frozenset((name,))) for name in table.intermediates}


def _learned(record: TrialRecord) -> Tasks:
    phases = [trace.identity for trace in record.phases if trace.identity.role is Role.INTERMEDIATE]
    uses = [use for phase in phases for use in phase.tasks]
    if any(map(_is_part, uses)):  # no claim is about a part of a training set
        return frozenset((record.intermediate,))
    return frozenset(use.task for use in uses)


def _is_part(use: TaskUse) -> bool:
    """Whether only some of a task's examples were learned, or some of its languages."""
    known = ROWS.get(use.task)
    return bool(use.examples) or (known is not None and use.languages != known.train_languages)


def caveats(cells: Sequence[Cell]) -> Iterator[str]:
    """What a reader must know of the cells that a verdict rests on."""
    scored = [cell for cell in cells if cell.score is not None]
    for what, those in (
        ("an unequal tuning budget", [cell for cell in scored if cell.unequal]),
        ("target-language gold in a score or a choice (an oracle)", [cell for cell in scored if cell.oracle]),
    ):
        names = dict.fromkeys(f"{cell.intermediate} → {cell.target}" for cell in those)
        if names:
            yield f"{what}: {_some(list(names))}"
    labelled = dict.fromkeys(cell.intermediate for cell in scored if cell.labelled)
    if labelled:
        yield f"saw labelled data in other languages than English: {_some(list(labelled))}"
    splits: dict[str, list[str]] = {}
    for cell in scored:
        if cell.split:
            splits.setdefault(cell.split, []).append(cell.target)
    if splits:
        yield "scored on " + "; ".join(f"{split}: {', '.join(dict.fromkeys(names))}" for split, names in sorted(splits.items()))


def _some(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} others" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
