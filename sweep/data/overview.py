"""Which tasks `sweep data` speaks of, what of their data is in the data folder, and verifying it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from sweep.words import listing
from training.data.manifest import Manifest, Origin, read_manifest
from training.data.prepared import native_files
from training.data.request import ReadRequest
from training.data.units import leaf_rows, wanted
from training.data.verify import Verification, verify_task
from training.errors import Faults, UserError
from training.tasks.registry import ROWS, row
from training.tasks.row import Split, TaskRow


def rows_of(tasks: Iterable[str], grid: str | None) -> list[TaskRow]:
    """The rows of some tasks, or of a grid with the files it names; both: those of the grid among the tasks.

    Raises UserError on a name that neither the registry nor the grid has.
    """
    if grid is None:
        return _known(list(dict.fromkeys(tasks)))
    from search_spaces.reading import load_grid
    from search_spaces.schema import Data
    from sweep.sources import with_grid_changes

    found = load_grid(grid)
    rows = {name: with_grid_changes(item, found.data.get(name, Data()), found.data) for name, item in found.rows.items()}
    for task in tasks:
        if task not in rows:
            raise UserError(f"the grid {grid} has no such task", task, f"its tasks are {', '.join(rows)}")
    return [item for name, item in rows.items() if (name in set(tasks) or not tasks) and not item.synthetic]


def _known(tasks: Sequence[str]) -> list[TaskRow]:
    """The rows of the project by name; raises UserError, or Faults with each name that it has not."""
    rows: list[TaskRow] = []
    faults: list[UserError] = []
    for task in tasks:
        try:
            rows.append(row(task))
        except UserError as fault:
            remedy = f"{fault.remedy} (a task of your own is found with --grid GRID)"
            faults.append(UserError(fault.cause, fault.value, remedy))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise Faults("the tasks that were named", faults)
    return rows


def refuse_synthetic(rows: Iterable[TaskRow]) -> None:
    """Raise UserError on a task of the mini world: its row would read real files of the same names as its own."""
    names = [item.name for item in rows if item.synthetic]
    if names:
        cause = "a task of the mini world has no data to prepare or verify: it is made when it is first needed"
        raise UserError(cause, ", ".join(names), "name tasks that `sweep data list` lists")


def rows_here(data: Path) -> list[TaskRow]:
    """Every task with native files in the folder; raises UserError when there is none."""
    found = [item for item in ROWS.values() if not item.synthetic and not item.parts and _state(item, data)[0][Origin.NATIVE]]
    if not found:
        remedy = "name the tasks to prepare: those on the hub are fetched"
        raise UserError("no task has native files in the folder", data, remedy)
    return found


def _state(item: TaskRow, data: Path) -> tuple[Counter[str], list[str]]:
    """How many splits and languages of a task are there, by origin, and which are missing."""
    there: Counter[str] = Counter()
    missing: list[str] = []
    manifest = read_manifest(data, item.name)
    for split, language in wanted(item):
        if native_files(ReadRequest(item, data, split, language)):
            there[Origin.NATIVE] += 1
        elif _prepared(manifest, split, language):
            there[Origin.HUB] += 1
        elif language in _asked(item, split):
            missing.append(f"{split}/{language}")
    return there, missing


def _asked(item: TaskRow, split: str) -> tuple[str, ...]:
    """The languages in which a split is missed: English dev only where the task learns from data of its own."""
    own = item.training_row == item.name
    return (*item.languages, *item.train_languages) if own or split != Split.DEV else item.languages


def _prepared(manifest: Manifest | None, split: str, language: str) -> bool:
    entry = manifest.entries.get(split, {}).get(language) if manifest else None
    return entry is not None and entry.origin is Origin.HUB


def overview(data: Path | None) -> list[dict[str, Any]]:
    """Every task that is not synthetic: kind, source, licence, citation, languages, and what is in the folder."""
    return [task_overview(item, data) for item in ROWS.values() if not item.synthetic]


def task_overview(item: TaskRow, data: Path | None) -> dict[str, Any]:
    """One task of the overview; a task of parts counts the files of its parts."""
    leaves = leaf_rows(item)
    there: Counter[str] = Counter()
    missing: list[str] = []
    described = 0
    damaged: list[str] = []
    for leaf in leaves if data is not None else []:
        assert data is not None
        try:
            found, lacking = _state(leaf, data)
        except UserError as fault:
            damaged.append(str(fault))
            continue
        there += found
        missing += [f"{leaf.name}/{place}" if item.parts else place for place in lacking]
        described += read_manifest(data, leaf.name) is not None
    return {
        "task": item.name,
        "kind": str(item.kind),
        "source": item.source,
        "hub": [leaf.hub.repository for leaf in leaves if leaf.hub],
        "files": {leaf.name: dict(leaf.files) for leaf in leaves},
        "licence": item.licence,
        "citation": item.citation,
        "languages": list(item.languages),
        "native": there[Origin.NATIVE],
        "prepared": there[Origin.HUB],
        "missing": missing,
        "manifest": described == len(leaves),
        "damaged": damaged,
    }


def overview_table(found: Sequence[dict[str, Any]]) -> Table:
    """The overview for a person: one line a task, long texts cut; `sweep data show` has all of it."""
    table = listing("task", "lang.", "here", "manifest", "from", "licence")
    for item in found:
        source = f"hub: {_hubs(item['hub'])}" if item["hub"] else item["source"]
        manifest = "yes" if item["manifest"] else "no"
        columns = (str(len(item["languages"])), _here(item), manifest, _cut(source, 30), _cut(item["licence"], 18))
        table.add_row(f"[bold]{escape(item['task'])}[/bold]", *map(escape, columns))
    return table


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip(" ,;:") + "…"


def _hubs(names: Sequence[str]) -> str:
    """The first repository, and how many more there are."""
    distinct = list(dict.fromkeys(names))
    return (distinct[0] + (f" and {len(distinct) - 1} more" if len(distinct) > 1 else "")) if distinct else ""


def _here(item: dict[str, Any]) -> str:
    if item["damaged"]:
        return "damaged manifest"
    counts = [f"{item[name]} {name}" for name in ("native", "prepared") if item[name]]
    if item["missing"]:
        counts.append(f"{len(item['missing'])} missing")
    if not (item["native"] or item["prepared"]):
        return "missing"
    return ", ".join(counts)


def verify_tasks(tasks: Sequence[str], grid: str | None, data: Path) -> tuple[Verification, ...]:
    """Verify the tasks named, or all that have a manifest; raises UserError where one of those named has none."""
    rows = rows_of(tasks, grid) if tasks or grid else [item for item in ROWS.values() if not item.synthetic and not item.parts]
    refuse_synthetic(rows)
    leaves = {leaf.name: leaf for item in rows for leaf in leaf_rows(item)}
    found = []
    for leaf in leaves.values():
        manifest = read_manifest(data, leaf.name)
        if manifest is not None:
            found.append(verify_task(leaf, data, manifest))
        elif tasks or grid:
            raise UserError(f"task {leaf.name} has no manifest in {data}", leaf.name, f"run: sweep data prepare {leaf.name}")
    if not found:
        raise UserError(
            "nothing was prepared in the folder", data, "run: sweep data prepare (tasks of your own are found with --grid GRID)"
        )
    return tuple(found)
