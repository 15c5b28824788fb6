"""The rules of a grid that need the task rows: names that exist, tasks where they fit, languages and splits that are there.

They look at the values as they were written, so that they report beside the faults of the schema and not after them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from search_spaces.document import Document, Fault, Path
from search_spaces.intermediates import NONE, OF_ONE_TASK
from search_spaces.series import names
from search_spaces.sources import MINI_MODELS, SourceKind, mini_model, package_place, source_kind
from training.tasks.row import Kind, Split, TaskRow

Rows = Mapping[str, TaskRow]


def nearest(name: object, known: Collection[str], what: str) -> str:
    """A remedy for a name that is not known: the nearest of the known names, or all of them."""
    near = difflib.get_close_matches(str(name), list(known), n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"{what}: {', '.join(sorted(known))}" if known else f"there are no {what}"


def task_faults(document: Document, rows: Rows) -> Iterator[Fault]:
    """Every fault of a document's task names, sources, languages and splits."""
    for name, model in _items(document.value, "models"):
        yield from _source_faults(document, ("models", name), model)
        yield from _pretrain_faults(document, rows, ("models", name, "pretrain"), model)
    for path, task in _intermediate_tasks(document.value):
        yield from _task_fault(document, rows, path, task, "intermediate tasks", lambda row: row.intermediate)
    yield from _mixture_name_faults(document, rows)
    yield from _language_faults(document, rows)
    yield from _graph_faults(document)
    for path, task in _listed(document.value, ("targets",)):
        yield from _task_fault(document, rows, path, task, "target tasks", lambda row: row.target)
    yield from _space_faults(document, rows)
    yield from _rank_faults(document, rows)
    for task, change in _items(document.value, "data"):
        yield from _data_faults(document, rows, ("data", task), task, change)


def _graph_faults(document: Document) -> Iterator[Fault]:
    resources, training = (dict(_items(document.value, key)) for key in ("resources", "training"))
    could = resources.get("device") == "cuda" and resources.get("workers", 1) == 1
    if could and resources.get("graphs") is True and training.get("precision") != "bfloat16":
        remedy = "add `training: {precision: bfloat16}`, or leave `graphs` out"
        yield document.fault(("resources", "graphs"), "CUDA graphs are for bfloat16", True, remedy)


def _items(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(inner, Mapping):
        yield from inner.items()


def _listed(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    for index, item in enumerate(value if isinstance(value, tuple) else ()):
        if isinstance(item, str):
            yield (*path, index), item


def _mixtures(value: Any) -> Iterator[tuple[Path, str, Any]]:
    """Place, name and task list of each mixture, whether it is written as a list or with options."""
    listed = value.get("intermediates") if isinstance(value, Mapping) else None
    for index, item in enumerate(listed if isinstance(listed, tuple) else ()):
        if isinstance(item, Mapping) and len(item) == 1:
            ((name, said),) = item.items()
            place: Path = ("intermediates", index, name)
            if isinstance(said, Mapping) and not _is_one_task(said):
                yield (*place, "tasks"), name, said.get("tasks")
            elif not isinstance(said, Mapping):
                yield place, name, said


def _is_one_task(said: Mapping[str, Any]) -> bool:
    """Whether options stand below the name of the only task."""
    return bool(said) and set(said) <= OF_ONE_TASK


def _single_tasks(value: Any) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Place, name and options of each task that has options of its own, whether or not it has another name."""
    listed = value.get("intermediates") if isinstance(value, Mapping) else None
    for index, item in enumerate(listed if isinstance(listed, tuple) else ()):
        for name, said in item.items() if isinstance(item, Mapping) and len(item) == 1 else ():
            if isinstance(name, str) and isinstance(said, Mapping):
                place: Path = ("intermediates", index, name)
                tasks = said.get("tasks")
                if _is_one_task(said):
                    yield place, name, said
                elif isinstance(tasks, tuple) and len(tasks) == 1 and isinstance(tasks[0], str):
                    yield place, tasks[0], said


def _intermediate_tasks(value: Any) -> Iterator[tuple[Path, str]]:
    yield from ((path, task) for path, task in _listed(value, ("intermediates",)) if task != NONE)
    yield from ((place, task) for place, task, said in _single_tasks(value) if _is_one_task(said))
    for place, _, tasks in _mixtures(value):
        for number, task in enumerate(tasks if isinstance(tasks, tuple) else ()):
            if isinstance(task, str):
                yield (*place, number), task


def _mixture_name_faults(document: Document, rows: Rows) -> Iterator[Fault]:
    for place, name, tasks in _mixtures(document.value):
        if name in rows and tasks:
            cause = "a mixture can't have the name of a task"
            yield document.fault(place[:3], cause, name, "call it otherwise")
    value: Any = document.value
    listed = value.get("intermediates") if isinstance(value, Mapping) else None
    for index, name in names(listed) if isinstance(listed, tuple) else ():
        if name in rows:
            cause = "a series can't have a setting with the name of a task"
            yield document.fault(("intermediates", index), cause, name, "call the series otherwise")


def _language_faults(document: Document, rows: Rows) -> Iterator[Fault]:
    """Languages that a setting's only task can't be learned in."""
    for place, task, said in _single_tasks(document.value):
        known, given = rows[task].train_languages if task in rows else (), said.get("languages")
        for number, language in enumerate(given if isinstance(given, tuple) else ()):
            if known and language not in known:
                remedy = nearest(language, known, "the languages of its training data")
                yield document.fault((*place, "languages", number), f"{task} has no training data in this", language, remedy)


def _task_fault(
    document: Document, rows: Rows, path: Path, task: object, what: str, fits: Callable[[TaskRow], bool]
) -> Iterator[Fault]:
    fitting = {name for name, row in rows.items() if fits(row)}
    if task not in rows:
        yield document.fault(path, "no task has this name", task, nearest(task, fitting, what))
    elif task not in fitting:
        needs = "test files, or `scored_on: dev` and dev files" if what.startswith("target") else "train files"
        remedy = f"{what}: {', '.join(sorted(fitting))} (a task of your own is one with {needs})"
        yield document.fault(path, f"not one of the {what}", task, remedy)


def _space_faults(document: Document, rows: Rows) -> Iterator[Fault]:
    """Spaces of tasks that no target of the grid has a phase on."""
    value: Any = document.value
    for key in ("search", "space"):
        value = value.get(key) if isinstance(value, Mapping) else None
    learned = {
        rows[name].training_row for _, name in _listed(document.value, ("targets",)) if name in rows and rows[name].trained
    }
    for name, _ in _items(value, "targets"):
        if name not in learned:
            remedy = nearest(name, learned, "what the grid's targets are trained on")
            yield document.fault(("search", "space", "targets", name), "no target of the grid is trained on this", name, remedy)


def _rank_faults(document: Document, rows: Rows) -> Iterator[Fault]:
    """A ranking where no target has labelled training data to rank by."""
    named = [rows[name] for _, name in _listed(document.value, ("targets",)) if name in rows]
    labelled = any(row.trained and rows[row.training_row].kind not in (Kind.RETRIEVAL, Kind.MLM) for row in named)
    rank = document.value.get("rank") if isinstance(document.value, Mapping) else None
    if isinstance(rank, Mapping) and named and not labelled:
        remedy = "leave `rank` out, or add a target that is trained on labelled data"
        yield document.fault(("rank",), "no target of the grid has labelled training data to rank by", "", remedy)


def _source_faults(document: Document, path: Path, model: Any) -> Iterator[Fault]:
    source = model.get("source") if isinstance(model, Mapping) else None
    if not isinstance(source, str) or not source:
        return
    place, kind = (*path, "source"), source_kind(source)
    if kind is SourceKind.PACKAGE and not all(part.isidentifier() for part in package_place(source)[0].split(".")):
        yield document.fault(place, "no Python package has this name", source, "write package:<python package>/<folder in it>")
    if kind is SourceKind.MINI_WORLD and "/" in source and mini_model(source) not in MINI_MODELS:
        remedy = nearest(mini_model(source), MINI_MODELS, "models of the mini world, beside mini_world itself")
        yield document.fault(place, "the mini world has no such model", source, remedy)
    if kind is SourceKind.HUB and (source.count("/") != 1 or not all(source.split("/"))):
        forms = "mini_world, a folder (starts with . / or ~), package:<python package>/<folder in it>, or a hub name org/name"
        yield document.fault(place, "not a source of a model", source, f"write {forms}")


def _pretrain_faults(document: Document, rows: Rows, path: Path, model: Any) -> Iterator[Fault]:
    pretrain = model.get("pretrain") if isinstance(model, Mapping) else None
    task = pretrain.get("task") if isinstance(pretrain, Mapping) else None
    if isinstance(task, str):
        what = "tasks to pretrain on"
        yield from _task_fault(document, rows, (*path, "task"), task, what, lambda row: row.kind is Kind.MLM)


def _data_faults(document: Document, rows: Rows, path: Path, task: str, change: Any) -> Iterator[Fault]:
    if task not in rows:
        yield document.fault(path, "no task has this name", task, nearest(task, rows, "tasks"))
    if task not in rows or not isinstance(change, Mapping):
        return
    row = rows[task]
    for place, language in _listed(document.value, (*path, "languages")):
        if language not in row.languages:
            remedy = nearest(language, row.languages, "its languages")
            yield document.fault(place, f"{task} is not in this language", language, remedy)
    yield from file_faults(document, path, change)
    yield from _scored_split_faults(document, row, path, change)
    if task in [name for _, name in _listed(document.value, ("targets",))]:
        yield from _one_file_faults(document, row, path, change)
    yield from _window_faults(document, row, path, change)


def file_faults(document: Document, path: Path, change: Any) -> Iterator[Fault]:
    """Faults of the paths under `files` of what stands at a place of a document."""
    for split, name in _items(change, "files"):
        if not isinstance(name, str):
            continue
        place = (*path, "files", split)
        if name.startswith(("/", "~")) or ".." in name.split("/"):
            yield document.fault(place, "a file must be below the data folder", name, "write its path from the data folder on")
        if "{" in name.replace("{lang}", "") or "}" in name.replace("{lang}", ""):
            yield document.fault(place, "only {lang} can stand in braces", name, "write {lang} where the language code stands")


def _scored_split_faults(document: Document, row: TaskRow, path: Path, change: Mapping[str, Any]) -> Iterator[Fault]:
    scored, share = change.get("scored_on"), change.get("carve_dev")
    have = {*row.files, *(split for split, _ in _items(change, "files"))}
    if share is not None and Split.TRAIN not in have:
        cause = f"{row.name} has no train file to take a dev set from"
        yield document.fault((*path, "carve_dev"), cause, share, "name its train file under `files`")
    if share is not None:
        have.add(Split.DEV)
    if scored in (Split.DEV, Split.TEST) and scored not in have:
        remedy = f"name its {scored} file under `files`, or score one of: {', '.join(sorted(have - {Split.TRAIN}))}"
        yield document.fault((*path, "scored_on"), f"{row.name} has no {scored} file", scored, remedy)


def _one_file_faults(document: Document, row: TaskRow, path: Path, change: Mapping[str, Any]) -> Iterator[Fault]:
    """One file of a target that would be scored as every one of its languages."""
    files = dict(_items(change, "files"))
    scored, languages = str(change.get("scored_on", row.scored_on)), change.get("languages") or row.languages
    carved = scored == Split.DEV and change.get("carve_dev") is not None
    split = Split.TRAIN if carved else scored
    name = files.get(split, row.files.get(split) if carved else None)
    if isinstance(name, str) and "{lang}" not in name and isinstance(languages, tuple) and len(languages) > 1:
        place = (*path, "files", split) if split in files else (*path, "carve_dev")
        cause = f"{row.name} is scored in {len(languages)} languages, and this file would stand for each of them"
        yield document.fault(place, cause, name, "write {lang} where the language code stands, or list one language")


def _window_faults(document: Document, row: TaskRow, path: Path, change: Mapping[str, Any]) -> Iterator[Fault]:
    length = change.get("max_length", row.encoding.max_length)
    stride = change.get("stride", row.encoding.stride)
    if isinstance(length, int) and isinstance(stride, int) and stride >= length:
        place = (*path, "stride" if "stride" in change else "max_length")
        remedy = f"max_length is {length} and stride {stride}: neighbouring windows must not share all their tokens"
        yield document.fault(place, "stride must be below max_length", stride, remedy)
