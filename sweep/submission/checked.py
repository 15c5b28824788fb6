"""Checking a folder of predictions against the test sets, whoever made it; loads no model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.submission.checking import faults_of
from sweep.submission.sources import TaskData
from training.errors import Faults, UserError
from training.tasks.benchmarks import BENCHMARKS


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
    faults = faults_of(folder, known, _task_data(run, data).split)
    if faults:
        raise Faults(f"the submission {folder}", faults)
    return sum(len(task.languages) for task in known.tasks.values())


def _task_data(run: Path | None, data: Path | None) -> TaskData:
    if run is None:
        return TaskData(data)
    from sweep.submission.facts import facts_of

    return TaskData(data, facts_of(run))
