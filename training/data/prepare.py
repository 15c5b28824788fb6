"""Preparing tasks: what is not there yet is read or fetched, several files at once, and a manifest a task is written.

Giving the same command again goes on where it stopped: what the manifest describes and is unchanged is skipped, and so is what
an interrupted run had stored. A unit that fails is written down in the manifest with its cause; the rest is kept and usable.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from training.data.crosschecks import across
from training.data.manifest import Manifest, Origin, SplitEntry, read_manifest, write_manifest
from training.data.pins import Pins, read_pins, write_pins
from training.data.statistics import Fingerprints
from training.data.units import Unit, UnitResult, is_done, leaf_rows, origin_of, prepare_unit, recipe_of, wanted
from training.errors import DataError, Faults, UserError
from training.tasks.row import TaskRow


class Watcher(Protocol):
    """Hears how the preparing goes on."""

    def began(self, units: int, skipped: int) -> None:
        """So many units are to be prepared; so many are there already."""

    def unit_done(self, unit: Unit, entry: SplitEntry | None, cause: str) -> None:
        """A unit is prepared, or failed for a cause."""

    def task_done(self, manifest: Manifest, absent: int) -> None:
        """A task's manifest is written; so many of its splits are nowhere to be had."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What to prepare: rows, the data folder, the only origin to take (None: native files first), and new pins by task."""

    rows: Sequence[TaskRow]
    data: Path
    only: Origin | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1


@dataclass
class _Task:
    """A task under way: what is there, what is to do, what came of it."""

    row: TaskRow
    revision: str
    before: Manifest | None
    kept: dict[tuple[str, str], SplitEntry] = field(default_factory=dict)
    todo: list[Unit] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)
    done: dict[tuple[str, str], UnitResult] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unreached: dict[str, str] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Units that have no outcome yet."""
        return len(self.todo) - len(self.done) - len(self.failed)


def prepare(wish: Wish, watcher: Watcher) -> list[Manifest]:
    """Prepare tasks; returns their manifests. Raises `Faults` at the end naming all that failed, with everything else kept.

    Raises UserError at once when a revision is given for a task that is not among those, or has no place on the hub.
    """
    rows = list({leaf.name: leaf for row in wish.rows for leaf in leaf_rows(row)}.values())
    pins = _with_revisions(read_pins(wish.data), wish, rows)
    faults: list[UserError] = []
    tasks = []
    for row in rows:
        try:
            task, pins = _opened(row, wish, pins, faults)
            tasks.append(task)
        except UserError as fault:
            faults.append(fault)
    watcher.began(sum(len(task.todo) for task in tasks), sum(len(task.kept) for task in tasks))
    manifests = []
    for task in _finished(tasks, wish, watcher, faults):
        manifest = _manifest(task, wish.data)
        if manifest != task.before:
            write_manifest(wish.data, manifest)
        manifests.append(manifest)
        watcher.task_done(manifest, len(task.absent))
    if faults:
        raise Faults("the preparing of data", faults)
    return manifests


def _with_revisions(pins: Pins, wish: Wish, rows: list[TaskRow]) -> Pins:
    """Pins with the revisions the user gave, resolved to commits."""
    by_name = {row.name: row for row in rows}
    for name, revision in wish.revisions.items():
        row = by_name.get(name)
        if row is None or row.hub is None:
            on_hub = ", ".join(other.name for other in rows if other.hub) or "none"
            cause = "a revision is given for a task that takes nothing from the hub here"
            raise UserError(cause, name, f"those that do: {on_hub}")
        from training.data.hub import resolve_revision

        pins = pins.having(row, resolve_revision(name, row.hub.repository, revision))
        write_pins(wish.data, pins)
    return pins


def _opened(row: TaskRow, wish: Wish, pins: Pins, faults: list[UserError]) -> tuple[_Task, Pins]:
    """What of a task is there and what is to do; asks the hub for the commit where something is to be fetched.

    Where the hub does not answer, that is added to `faults`, and what needs it is not done.
    """
    task = _Task(row, pins.of(row), read_manifest(wish.data, row.name))
    entries = task.before.entries if task.before and task.before.version == row.version else {}
    for split, language in wanted(row):
        origin = origin_of(row, wish.data, split, language, wish.only)
        if origin is None:
            task.absent += [(split, language)] if language in (*row.languages, *row.train_languages) else []
            continue
        unit = Unit(row=row, data=wish.data, split=split, language=language, origin=origin)
        entry = entries.get(split, {}).get(language)
        if is_done(unit, entry, task.revision):
            assert entry is not None
            task.kept[split, language] = entry
        else:
            task.todo.append(unit)
    if not task.todo and not task.kept:
        where = " and it is not on the hub" if row.hub is None else ""
        remedy = f"put its files into the folder: {', '.join(row.files.values())}"
        raise DataError(f"task {row.name} has no data in {wish.data}{where}", row.source or row.licence, remedy)
    if any(unit.origin is Origin.HUB for unit in task.todo):
        try:
            pins = _pinned(task, wish.data, pins)
        except UserError as fault:
            faults.append(fault)
            cut_off = [unit for unit in task.todo if unit.origin is Origin.HUB]
            task.todo = [unit for unit in task.todo if unit.origin is not Origin.HUB]
            task.unreached = {f"{unit.split}/{unit.language}": _first_line(fault) for unit in cut_off}
    return task, pins


def _pinned(task: _Task, data: Path, pins: Pins) -> Pins:
    """Give the task's units the commit they are fetched at; the first time, write it down."""
    from training.data.hub import resolve_revision

    assert task.row.hub is not None
    commit = resolve_revision(task.row.name, task.row.hub.repository, task.revision)
    if task.revision != commit:
        pins = pins.having(task.row, commit)
        write_pins(data, pins)
    task.revision = commit
    task.todo = [replace(unit, revision=commit if unit.origin is Origin.HUB else "") for unit in task.todo]
    return pins


def _finished(tasks: list[_Task], wish: Wish, watcher: Watcher, faults: list[UserError]) -> Iterator[_Task]:
    """Tasks, each when the last of its units is done."""
    owners = {(unit.row.name, unit.split, unit.language): task for task in tasks for unit in task.todo}
    yield from (task for task in tasks if not task.todo)
    for unit, result, fault in _outcomes([unit for task in tasks for unit in task.todo], wish.workers):
        task = owners[unit.row.name, unit.split, unit.language]
        if result is not None:
            task.done[unit.split, unit.language] = result
        if fault is not None:
            task.failed[f"{unit.split}/{unit.language}"] = _first_line(fault)
            faults.append(fault)
        watcher.unit_done(unit, result.entry if result else None, str(fault or ""))
        if not task.left:
            yield task


def _first_line(fault: UserError) -> str:
    """What a manifest says of a fault; of several, the first."""
    first = fault.faults[0] if isinstance(fault, Faults) else fault
    return str(first).splitlines()[0]


_Outcome = tuple[Unit, UnitResult | None, UserError | None]


def _outcomes(units: list[Unit], workers: int) -> Iterator[_Outcome]:
    if min(workers, len(units)) <= 1:
        yield from (_attempt(unit) for unit in units)
        return
    # Processes of their own, since reading is work for the processor, and the library `datasets` is not made for threads.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(units)), spawning, initializer=_leave_interrupts) as pool:
        futures: list[Future[_Outcome]] = [pool.submit(_attempt, unit) for unit in units]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            remedy = "give the same command again, with --workers 1 if memory is short: what is prepared is kept"
            raise UserError("a process that prepared data was killed", "", remedy) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that was started: the others finish the file they are at, and get no other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt(unit: Unit) -> _Outcome:
    try:
        return unit, prepare_unit(unit), None
    except UserError as fault:
        return unit, None, fault


def _manifest(task: _Task, data: Path) -> Manifest:
    row = task.row
    found = {**_others(task, data), **task.kept, **{key: result.entry for key, result in task.done.items()}}
    entries: dict[str, dict[str, SplitEntry]] = {}
    for (split, language), entry in found.items():
        entries.setdefault(split, {})[language] = entry
    from_hub = any(entry.origin is Origin.HUB for entry in found.values())
    prints: dict[tuple[str, str], Fingerprints] = {key: result.prints for key, result in task.done.items()}
    unchanged = task.before is not None and not task.done and task.before.entries == entries
    return Manifest(
        task=row.name,
        version=row.version,
        licence=row.licence,
        files=dict(row.files),
        entries=entries,
        repository=row.hub.repository if row.hub and from_hub else "",
        revision=task.revision if from_hub else "",
        recipe=recipe_of(row) if from_hub else "",
        across=task.before.across if unchanged and task.before else tuple(across(row, data, found, prints)),
        failed=dict(sorted({**task.failed, **task.unreached}.items())),
    )


def _others(task: _Task, data: Path) -> dict[tuple[str, str], SplitEntry]:
    """What was prepared before and was not asked for now (other languages, say), as long as it still fits the row."""
    before, row = task.before, task.row
    if before is None or before.version != row.version:
        return {}
    redone = {(unit.split, unit.language) for unit in task.todo}
    same_commit = before.revision == task.revision and before.recipe == (recipe_of(row) if row.hub else "")
    return {
        (split, language): entry
        for split, language, entry in before.units()
        if (split, language) not in redone
        and before.files.get(split) == row.files.get(split)
        and (entry.origin is Origin.NATIVE or same_commit)
        and all((data / item.path).is_file() for item in entry.files)
    }
