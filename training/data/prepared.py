"""Examples as Parquet: what `sweep data prepare` stores of the hub, and what is read when a task's native files are not there.

A file has the fields of the example as columns (labels and tags by name), one row an example, and in its metadata what it
was made from. Native files go first: prepared data is read only where no native file of that split and language is there.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

import training.data.examples
from training.data.examples import Answer, Example
from training.data.files import cached_digest
from training.data.manifest import Manifest, Origin, SplitEntry, read_manifest, task_folder
from training.data.readers import source_files
from training.data.request import ReadRequest
from training.data.statistics import field_names
from training.errors import DataError, UserError
from training.files.codec import canonical, from_payload
from training.files.storage import replacing
from training.tasks.row import TaskRow

_KEY = b"sweep"
_COLUMNS = {
    str: pa.string(),
    str | None: pa.string(),
    tuple[str, ...]: pa.list_(pa.string()),
    tuple[Answer, ...]: pa.list_(pa.struct([("text", pa.string()), ("start", pa.int64())])),
}
_NAMED = {"label", "tags"}
"""Fields that hold indices into the row's labels, and that the file holds as names."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a prepared file was made from; `recipe` digests the row's hub source, labels and version."""

    task: str
    split: str
    language: str
    repository: str
    revision: str
    recipe: str
    example: str
    content: str
    left_out: int = 0


def prepared_path(data: Path, task: str, split: str, language: str) -> Path:
    """Where the Parquet file of a split in a language is stored."""
    return task_folder(data, task) / f"{split}-{language}.parquet"


def native_files(request: ReadRequest) -> list[Path]:
    """The native files of a request; none when one is missing or the row has no such split."""
    if request.split not in request.row.files:
        return []
    try:
        return source_files(request)
    except DataError:
        return []


def prepared_entry(request: ReadRequest) -> SplitEntry | None:
    """The manifest's entry of the data to read instead of native files; None when these are there, or nothing was prepared.

    Raises DataError when what was prepared belongs to another version of the row.
    """
    row = request.row
    if native_files(request):
        return None
    manifest = _manifest(request.root, row.name)
    entry = manifest.entries.get(request.split, {}).get(request.language) if manifest else None
    if manifest is None or entry is None or entry.origin is not Origin.HUB:
        return None
    if manifest.files.get(request.split) != row.files.get(request.split):
        return None  # The caller asks for another file than the one this stands in for.
    if manifest.version != row.version:
        cause = f"the prepared data of {row.name} is of version {manifest.version} of the task, not {row.version}"
        raise DataError(cause, str(task_folder(request.root, row.name)), f"run: sweep data prepare {row.name}")
    return entry


def read_prepared(request: ReadRequest, entry: SplitEntry) -> list[Example]:
    """Examples of a prepared file; raises DataError when its content is not what the manifest says."""
    path = request.root / entry.files[0].path
    remedy = f"run: sweep data verify {request.row.name}, then: sweep data prepare {request.row.name}"
    if not path.is_file():
        raise DataError(f"{path}: the prepared file is missing", "", remedy)
    found = cached_digest(path)
    if found != entry.files[0].sha256:
        raise DataError(f"{path}: the prepared file was changed or damaged (its sha256 differs)", found, remedy)
    return read_examples(path, request.row)[1]


def write_examples(path: Path, row: TaskRow, examples: Sequence[Example], provenance: Provenance) -> None:
    """Write examples of one class, atomically; raises StoreError."""
    kind = type(examples[0])
    hints = get_type_hints(kind)
    columns, types = {}, {}
    for name in field_names(kind):
        types[name] = _column_type(name, hints[name], row)
        columns[name] = [_stored(name, getattr(example, name), row) for example in examples]
    schema = pa.schema([(name, types[name]) for name in columns], metadata={_KEY: canonical(provenance)})
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")


def read_examples(path: Path, row: TaskRow) -> tuple[Provenance, list[Example]]:
    """A prepared file's examples and what they were made from; raises DataError when it is none, or does not fit the row."""
    remedy = f"delete it, then run: sweep data prepare {row.name}"
    try:
        table = pq.read_table(path)
        provenance = from_payload(Provenance, json.loads((table.schema.metadata or {})[_KEY]), str(path))
        kind = _example_class(provenance.example)
        columns = [_loaded(name, table.column(name).to_pylist(), kind, row) for name in field_names(kind)]
    except KeyError as error:
        raise DataError(f"{path}: the prepared file does not fit the task {row.name}", error.args[0], remedy) from error
    except (OSError, ValueError, pa.ArrowException, UserError) as error:
        raise DataError(f"{path}: not a prepared file", str(error), remedy) from error
    return provenance, [kind(*values) for values in zip(*columns, strict=True)]


def read_provenance(path: Path) -> Provenance | None:
    """What a prepared file was made from; None when it is not there or not readable."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        return from_payload(Provenance, json.loads(metadata[_KEY]), str(path))
    except (OSError, ValueError, KeyError, pa.ArrowException, UserError):
        return None


def _manifest(data: Path, task: str) -> Manifest | None:
    try:
        changed = (task_folder(data, task) / "manifest.json").stat().st_mtime_ns
    except OSError:
        return None
    return _manifest_at(data, task, changed)


@functools.lru_cache(maxsize=256)
def _manifest_at(data: Path, task: str, changed: int) -> Manifest | None:
    return read_manifest(data, task)


def _column_type(name: str, hint: Any, row: TaskRow) -> pa.DataType:
    if name in _NAMED and row.labels:
        return pa.list_(pa.string()) if get_origin(_bare(hint)) is tuple else pa.string()
    return _COLUMNS.get(hint) or (pa.list_(pa.int64()) if get_origin(_bare(hint)) is tuple else pa.int64())


def _bare(hint: Any) -> Any:
    """A hint without its None."""
    options = [option for option in get_args(hint) if option is not type(None)]
    return options[0] if type(None) in get_args(hint) and len(options) == 1 else hint


def _stored(name: str, value: Any, row: TaskRow) -> Any:
    if name in _NAMED and row.labels and value is not None:
        return [row.labels[index] for index in value] if isinstance(value, tuple) else row.labels[value]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _plain(item: Any) -> Any:
    return dataclasses.asdict(item) if dataclasses.is_dataclass(item) and not isinstance(item, type) else item


def _loaded(name: str, values: list[Any], kind: type, row: TaskRow) -> list[Any]:
    if name in _NAMED and row.labels:
        return [_indices(value, {label: index for index, label in enumerate(row.labels)}) for value in values]
    if get_origin(_bare(get_type_hints(kind)[name])) is not tuple:
        return values
    return [None if value is None else tuple(map(_item, value)) for value in values]


def _item(value: Any) -> Any:
    return Answer(**value) if isinstance(value, dict) else value


def _indices(value: Any, labels: Mapping[str, int]) -> Any:
    if value is None:
        return None
    return tuple(labels[label] for label in value) if isinstance(value, list) else labels[value]


def _example_class(name: str) -> type[Any]:
    known: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(training.data.examples.Example)}
    return known[name]
