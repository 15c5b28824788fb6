"""Checking a folder of predictions against the test sets, whoever made it; loads no model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.submission.checking import faults_of
from reports.submission.manifest import read_manifest
from sweep.submission.sources import TaskData
from training.errors import Faults, UserError
from training.tasks.benchmarks import BENCHMARKS, MINI, XTREME


def check_folder(folder: Path, run: Path | None, benchmark: str | None, data: Path | None, *, partial: bool = False) -> int:
    """Compare a folder with the test sets; returns the number of files. Raises Faults with all that is wrong.

    Without a `benchmark` it is the one of the folder's manifest, else XTREME. The grid of `run` may name other paths of test
    files. With `partial`, tasks without a folder are no faults; a task that is there must have every language. The mini world's
    whole is what the manifest names: a grid has only some of its tasks.
    """
    if not folder.is_dir():
        raise UserError("the folder of predictions is not there", folder, "name the folder that holds one folder a task")
    manifest = read_manifest(folder)
    whole = BENCHMARKS[benchmark or (manifest.benchmark if manifest else XTREME.name)]
    needed = {name for name, task in whole.tasks.items() if task.scored and not partial}
    if whole is MINI:
        needed &= set(manifest.tasks if manifest else ())
    wanted = {name: task for name, task in whole.tasks.items() if (folder / name).is_dir() or name in needed}
    known = replace(whole, tasks=wanted)
    if not known.tasks:
        remedy = f"put the files below {', '.join(whole.tasks)}, or name another --benchmark"
        raise UserError(f"no task of {whole.name} is in the folder", folder, remedy)
    faults = faults_of(folder, known, _task_data(run, data).split)
    if faults:
        raise Faults(f"the submission {folder}", faults)
    return sum(len(task.languages) for task in known.tasks.values())


def _task_data(run: Path | None, data: Path | None) -> TaskData:
    if run is None:
        return TaskData(data)
    from sweep.submission.facts import facts_of

    return TaskData(data, facts_of(run))
