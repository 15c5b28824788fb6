"""Tasks of the user's own: files named `<anything>.task.yaml` beside the grid, one task each, no code.

A file says what a row of `training.tasks` says; with `like`, what it leaves out stands as in that row. Such tasks can be named
in every grid of the folder, as intermediate task or target.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, ValidationError

from search_spaces.checks import file_faults, nearest
from search_spaces.document import Document, Fault, read_document
from search_spaces.faults import as_error, schema_faults
from search_spaces.values import Amount, GridSplit, Name, Part, ScoredSplit, Several, TaskKind
from training.data.named_columns import FIELDS
from training.data.tables import EXTENSIONS
from training.errors import Faults, UserError
from training.files.codec import digest
from training.tasks.row import Encoding, HubSource, Kind, Split, TaskRow

PATTERN = "*.task.yaml"
ENDING = ".task.yaml"
Rows = Mapping[str, TaskRow]
Text = Annotated[str, Field(min_length=1)]
_METRICS = {
    Kind.CLASSIFICATION: ("accuracy",),
    Kind.CHOICE: ("accuracy",),
    Kind.TAGGING: ("span_f1", "tag_f1", "tag_accuracy"),
    Kind.SPAN: ("squad", "squad_v2", "mlqa"),
    Kind.RETRIEVAL: ("retrieval_accuracy", "pair_f1", "average_precision_20", "reciprocal_rank_20"),
    Kind.MLM: ("mlm_accuracy",),
}
"""The metrics that can score a kind, the one that is meant when none is named first."""


class Hub(Part):
    """A data set on the hub."""

    repository: Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")]
    """org/name"""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """the commit, 40 hex digits in quotes"""
    splits: Annotated[Mapping[GridSplit, Text], Field(min_length=1)]
    """{train, dev, test}: the repository's names of them, {lang} standing for a language"""
    columns: Mapping[str, Text] = {}
    """{field: column}: which column of the repository holds what"""
    config: str = ""
    """the repository's configuration, {lang} standing for a language"""
    label_names: Mapping[str, str] = {}
    """{the repository's label: the task's label}, where they differ"""


class TaskFile(Part):
    """One task."""

    name: Name
    """lower-case letters, digits and _, beginning with a letter, 64 characters at most"""
    about: Annotated[str, Field(max_length=200, pattern=r"^[^\n]*$")] = ""
    """one line of text, 200 characters at most"""
    like: str = ""
    """a known task whose values stand where this file says nothing"""
    kind: TaskKind | None = None
    """classification, multiple_choice, tagging, span_extraction, retrieval or masked_language_modelling"""
    files: Mapping[GridSplit, Text] = {}
    """{train, dev, test}: paths below the data folder, {lang} standing for a language"""
    columns: Mapping[str, Text] = {}
    """{field: column} of .tsv (with a header), .csv, .jsonl or .parquet files"""
    labels: Several[Text] | None = None
    """a list of the labels or tags"""
    languages: Several[Text] | None = None
    """a list of the languages of the dev or test files"""
    train_languages: Several[Text] | None = None
    """a list of the languages of the train files; [en] where it is left out"""
    metric: str = ""
    """the name of a metric: accuracy, span_f1, tag_f1, squad, mlqa, retrieval_accuracy ..."""
    head: str | None = None
    """the name of the output layer, shared with the tasks that name it too"""
    train_on: str | None = None
    """a known task whose English data this one learns from"""
    scored_on: ScoredSplit | None = None
    """the split that is scored, dev or test"""
    max_length: Annotated[int, Field(ge=8, le=65_536)] | None = None
    """sub-word tokens with the special ones, a whole number from 8"""
    stride: Amount | None = None
    """tokens that neighbouring windows share, a whole number below max_length"""
    hub: Hub | None = None
    """{repository, revision, config, splits, columns, label_names}: where the hub has its data"""
    licence: str = ""
    """under which licence the data may be used"""
    source: str = ""
    """where the data comes from"""
    citation: str = ""
    """what to cite"""


def own_rows(folder: pathlib.Path, known: Rows, metrics: Mapping[str, object]) -> dict[str, TaskRow]:
    """The rows of every task file of a folder, by name; raises Faults with every fault of every file.

    A task file may name another one of the folder in `like` and `train_on` when that comes before it in alphabetical order.
    """
    found: dict[str, TaskRow] = {}
    places: dict[str, str] = {}
    faults: list[UserError] = []
    for path in sorted(folder.glob(PATTERN)):
        try:
            row = read_task(_text(path), path.name, {**known, **found}, metrics, places)
            found[row.name], places[row.name] = row, path.name
        except Faults as several:
            faults += several.faults
        except UserError as fault:
            faults.append(fault)
    if faults:
        raise Faults(f"the task files in {folder}", faults)
    return found


def read_task(
    text: str, subject: str, known: Rows, metrics: Mapping[str, object], places: Mapping[str, str] = MappingProxyType({})
) -> TaskRow:
    """One task from YAML text; `subject` is what its faults call the file, `metrics` the known ones by name. Raises Faults.

    `places` has the file of each known task that is one of the user's own.
    """
    document = read_document(text, "write `name:`, `like:` or `kind:`, and `files:`")
    faults = list(document.faults)
    task = None
    if document.value is not None:
        try:
            task = TaskFile.model_validate(document.value)
        except ValidationError as error:
            faults.extend(schema_faults(document, error, TaskFile, lambda loc: loc))
        faults.extend(_name_faults(document, known, metrics, places))
        faults.extend(_kind_fault(document))
        faults.extend(_character_faults(document, document.value, ()))
        faults.extend(file_faults(document, (), document.value))
    if task is not None and not faults:
        row = _row(task, known)
        faults.extend(_row_faults(document, task, row))
        if not faults:
            return row
    faults.sort(key=lambda fault: fault.line)
    raise Faults(f"the task file {subject}", [as_error(subject, fault) for fault in faults])


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError("the task file can't be read", path, "write it as YAML in UTF-8") from error


def _name_faults(document: Document, known: Rows, metrics: Mapping[str, object], places: Mapping[str, str]) -> Iterator[Fault]:
    said = document.value if isinstance(document.value, Mapping) else {}
    if isinstance(said.get("name"), str) and said["name"] in known:
        where = f" in {places[said['name']]}" if said["name"] in places else ""
        yield document.fault(("name",), f"there is a task of this name{where}", said["name"], "call it otherwise")
    for key in ("like", "train_on"):
        if isinstance(said.get(key), str) and said[key] and said[key] not in known:
            yield document.fault((key,), "no task has this name", said[key], nearest(said[key], known, "tasks"))
    metric = said.get("metric")
    if isinstance(metric, str) and metric and metric not in metrics:
        yield document.fault(("metric",), "no metric has this name", metric, nearest(metric, metrics, "metrics"))


def _kind_fault(document: Document) -> Iterator[Fault]:
    said = document.value
    if isinstance(said, Mapping) and said.get("kind") is None and not said.get("like"):
        yield document.fault((), "a task needs a kind", "", f"add `kind`, one of {', '.join(Kind)}, or `like: <a known task>`")


def _character_faults(document: Document, value: Any, path: tuple[str | int, ...]) -> Iterator[Fault]:
    """Texts with a lone surrogate, which YAML can spell and UTF-8 can't: the row could not be written down."""
    if isinstance(value, str) and value != value.encode("utf-8", "replace").decode("utf-8"):
        yield document.fault(path, "half of a character", ascii(value), "write the whole character")
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, tuple) else ()
    for key, inner in items:
        yield from _character_faults(document, key, path)
        yield from _character_faults(document, inner, (*path, key))


def _row(task: TaskFile, known: Rows) -> TaskRow:
    base = known[task.like] if task.like else _blank(task)
    kind = task.kind or base.kind
    made = task.files or task.hub
    row = replace(
        base,
        name=task.name,
        kind=kind,
        reader="columns" if task.columns or not task.like else base.reader,
        files={str(split): path for split, path in task.files.items()} if made else base.files,
        columns=dict(task.columns) if task.columns else base.columns,
        labels=task.labels or base.labels,
        languages=task.languages or base.languages,
        train_languages=task.train_languages or base.train_languages,
        metric=task.metric or (base.metric if task.like and kind is base.kind else _METRICS[kind][0]),
        head=base.head if task.head is None else task.head,
        train_on=base.train_on if task.train_on is None else task.train_on,
        scored_on=task.scored_on or base.scored_on,
        encoding=_encoding(task, base.encoding),
        hub=_hub(task.hub) if task.hub else (None if made else base.hub),
        counts={} if made else base.counts,
        licence=task.licence or ("" if made else base.licence),
        source=task.source or ("" if made else base.source),
        citation=task.citation or ("" if made else base.citation),
    )
    return replace(row, version=_version(row), intermediate=_has(row, Split.TRAIN), target=_has(row, row.scored_on))


def _column_faults(document: Document, task: TaskFile, row: TaskRow) -> Iterator[Fault]:
    """Fields under `columns` that an example of this kind has not: a misspelt optional one would be left out in silence."""
    fields = FIELDS[row.kind]
    hub = () if task.hub is None else ((("hub", "columns"), task.hub.columns),)
    for path, columns in ((("columns",), task.columns), *hub):
        for name in columns:
            if name not in fields:
                remedy = f"its fields are {', '.join(fields)}"
                yield document.fault((*path, name), f"an example of kind {row.kind} has no such field", name, remedy)


def _ending_faults(document: Document, task: TaskFile, row: TaskRow) -> Iterator[Fault]:
    """Files that are read by their columns, and whose ending does not say how."""
    for split, path in task.files.items() if row.reader == "columns" else ():
        if not path.removesuffix(".gz").endswith(EXTENSIONS):
            remedy = f"write it as {', '.join(EXTENSIONS)}, each plain or with .gz"
            yield document.fault(("files", str(split)), "the file's ending does not say how it is read", path, remedy)


def _blank(task: TaskFile) -> TaskRow:
    if task.kind is None:
        raise AssertionError("a task file without `like` is refused where it has no kind")
    return TaskRow(name=task.name, kind=task.kind, reader="columns", files={}, languages=(), metric="")


def _has(row: TaskRow, split: Split) -> bool:
    return split in row.files or (row.hub is not None and split in row.hub.splits)


def _encoding(task: TaskFile, base: Encoding) -> Encoding:
    stride = base.stride if task.stride is None else task.stride
    return Encoding(max_length=task.max_length or base.max_length, stride=stride)


def _hub(hub: Hub) -> HubSource:
    return HubSource(
        repository=hub.repository,
        revision=hub.revision,
        config=hub.config,
        splits={str(split): name for split, name in hub.splits.items()},
        columns=dict(hub.columns),
        label_names=dict(hub.label_names),
    )


def _version(row: TaskRow) -> int:
    """A number that changes with how the file says the data is read: phases of another reading are not reused."""
    said: dict[str, Any] = {"kind": row.kind, "reader": row.reader, "columns": row.columns, "labels": row.labels}
    if row.hub is not None:
        said |= {"hub": row.hub.columns, "names": row.hub.label_names}
    return int(digest(said)[:7], 16) + 1


def _row_faults(document: Document, task: TaskFile, row: TaskRow) -> Iterator[Fault]:
    if not row.files and row.hub is None:
        yield document.fault((), "a task needs data", "", "add `files: {train, dev, test}` or `hub`")
    if not row.languages:
        yield document.fault((), "a task needs languages", "", "add `languages: [...]`")
    if row.kind in (Kind.CLASSIFICATION, Kind.TAGGING) and not row.labels:
        yield document.fault((), f"a task of kind {row.kind} needs labels", "", "add `labels: [...]`")
    if row.reader == "columns" and row.files and not row.columns:
        yield document.fault((), "the columns of the files are not known", "", "add `columns: {field: column}`")
    yield from _column_faults(document, task, row)
    yield from _ending_faults(document, task, row)
    if task.metric and task.metric not in _METRICS[row.kind]:
        remedy = f"use {' or '.join(_METRICS[row.kind])}"
        yield document.fault(("metric",), f"this metric does not score a task of kind {row.kind}", row.metric, remedy)
    if row.trained and not row.train_on and not _has(row, Split.TRAIN):
        remedy = "give a train file, or name the task it learns from in `train_on`"
        yield document.fault((), "a task of this kind has to learn from something", row.kind, remedy)
    if row.encoding.stride >= row.encoding.max_length:
        yield document.fault(("stride",), "stride must be below max_length", row.encoding.stride, "lower it")
    if not row.intermediate and not row.target:
        remedy = f"give a {row.scored_on} file, a train file, or another `scored_on`"
        yield document.fault((), "nothing can be learned from this task and nothing scored on it", "", remedy)
