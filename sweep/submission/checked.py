"""Checking a folder of predictions against the test sets, whoever made it; loads no model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial as bound
from pathlib import Path

from reports.scoring.forms import FORMS
from reports.submission.checking import folder_faults, task_faults
from sweep.submission.sources import TaskData
from training.data.checking import together
from training.errors import Faults, UserError
from training.tasks.benchmarks import BENCHMARKS, Benchmark


def check_folder(folder: Path, run: Path | None, benchmark: str, data: Path | None, *, partial: bool = False) -> int:
    """Compare a folder with the test sets; returns the number of files. Raises Faults with all that is wrong.

    The grid of `run` may name other paths of test files. With `partial`, tasks without a folder are no faults; a task that is
    there must have every language.
    """
    if not folder.is_dir():
        raise UserError("the folder of predictions is not there", folder, "name the folder that holds one folder a task")
    tasks = BENCHMARKS[benchmark].tasks.items()
    wanted = {name: task for name, task in tasks if (folder / name).is_dir() or (task.scored and not partial)}
    known = replace(BENCHMARKS[benchmark], tasks=wanted)
    if not known.tasks:
        remedy = f"put the files below {', '.join(BENCHMARKS[benchmark].tasks)}, or name another --benchmark"
        raise UserError(f"no task of {benchmark} is in the folder", folder, remedy)
    faults = faults_of(folder, known, _task_data(run, data))
    if faults:
        raise Faults(f"the submission {folder}", faults)
    return sum(len(task.languages) for task in known.tasks.values())


def _task_data(run: Path | None, data: Path | None) -> TaskData:
    if run is None:
        return TaskData(data)
    from sweep.submission.facts import facts_of

    return TaskData(data, facts_of(run))


def faults_of(folder: Path, benchmark: Benchmark, data: TaskData, known: Collection[str] = ()) -> list[UserError]:
    """All faults of a folder; one that concerns every file (no data folder, say) is told once.

    `known` are folders that may lie there besides.
    """
    faults: list[UserError] = []
    for name, task in benchmark.tasks.items():
        faults += task_faults(folder, task, FORMS[name], bound(data.examples, task))
    faults += folder_faults(folder, {*benchmark.tasks, *known}, benchmark.tasks)
    return together(list({str(fault): fault for fault in faults}.values()))
