"""The units of preparing data: one split of a task in one language, read or fetched, checked and described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.data.examples import Example
from training.data.files import cached_digest
from training.data.manifest import DataFile, Origin, SplitEntry, read_manifest, task_folder
from training.data.prepared import (
    Provenance,
    native_files,
    prepared_path,
    read_examples,
    read_provenance,
    write_examples,
)
from training.data.quality import Rows, check_rows
from training.data.readers import READERS, remarks
from training.data.request import ReadRequest
from training.data.statistics import (
    Fingerprints,
    content_digest,
    fingerprints,
    label_counts,
    row_texts,
    text_statistics,
)
from training.errors import DataError
from training.files.codec import digest
from training.record import ENGLISH
from training.tasks.row import Split, TaskRow


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One split of a row in one language, below a data folder; `revision` is the commit of hub data."""

    row: TaskRow
    data: Path
    split: str
    language: str
    origin: Origin
    revision: str = ""

    @property
    def request(self) -> ReadRequest:
        """What a reader is asked for."""
        return ReadRequest(self.row, self.data, self.split, self.language)


@dataclass(frozen=True, kw_only=True)
class UnitResult:
    """What came of a unit: its entry in the manifest, and the fingerprints of its rows."""

    entry: SplitEntry
    prints: Fingerprints


def leaf_rows(row: TaskRow) -> list[TaskRow]:
    """The rows that have files: a row's parts, their parts and so on, or the row itself."""
    return [leaf for part in row.parts for leaf in leaf_rows(part)] if row.parts else [row]


def wanted(row: TaskRow) -> Iterator[tuple[str, str]]:
    """Every split and language a row may have: train in its training languages, the rest in all, dev in English too.

    A split that is one file for every language is asked for in one: English where the row has it, or the split is dev.
    """
    for split in Split:
        if split in row.files or (row.hub is not None and split in row.hub.splits):
            languages = row.train_languages if split == Split.TRAIN else row.languages
            if not _by_language(row, split):
                languages = (ENGLISH,) if split == Split.DEV or ENGLISH in languages else languages[:1]
            elif split == Split.DEV:
                languages = (*languages, ENGLISH)
            yield from ((str(split), language) for language in dict.fromkeys(languages))


def _by_language(row: TaskRow, split: str) -> bool:
    """Whether the split is a file a language; its native file decides, where the row names one."""
    if split in row.files:
        return "{lang}" in row.files[split]
    return row.hub is not None and "{lang}" in row.hub.config + row.hub.splits[split]


def origin_of(row: TaskRow, data: Path, split: str, language: str, only: Origin | None) -> Origin | None:
    """Where a split would come from: native files first, then the hub; None when neither has it."""
    if only is not Origin.HUB and native_files(ReadRequest(row, data, split, language)):
        return Origin.NATIVE
    languages = row.train_languages if split == Split.TRAIN else row.languages
    on_hub = row.hub is not None and split in row.hub.splits and language in languages
    return Origin.HUB if on_hub and only is not Origin.NATIVE else None


UNLABELLED = "records without a gold label"


def recipe_of(row: TaskRow) -> str:
    """Names what a prepared file depends on beside the hub's commit: the row's version, labels, kind and hub source."""
    hub = row.hub
    assert hub is not None
    parts = [hub.repository, hub.config, dict(hub.splits), dict(hub.columns), dict(hub.label_names)]
    return digest([row.name, row.version, row.kind, list(row.labels), parts])


def is_done(unit: Unit, entry: SplitEntry | None, revision: str) -> bool:
    """Whether a manifest's entry still describes what is there, so that the unit need not be prepared again."""
    if entry is None or entry.origin is not unit.origin or not _as_recorded(unit.data, entry):
        return False
    if unit.origin is Origin.NATIVE:
        return [item.path for item in entry.files] == _relative(unit)
    made = read_provenance(unit.data / entry.files[0].path)
    return made is not None and made.recipe == recipe_of(unit.row) and made.revision == revision


def _as_recorded(data: Path, entry: SplitEntry) -> bool:
    return all((data / item.path).is_file() and cached_digest(data / item.path) == item.sha256 for item in entry.files)


def prepare_unit(unit: Unit) -> UnitResult:
    """Read or fetch a unit, check it and describe it.

    Raises DataError, Faults or StoreError; what other units stored is not touched.
    """
    if unit.origin is Origin.NATIVE:
        files = _data_files(unit, native_files(unit.request))
        return described(unit, READERS[unit.row.reader](unit.request), files, remarks(unit.request))
    examples, left_out = _from_hub(unit)
    path = prepared_path(unit.data, unit.row.name, unit.split, unit.language)
    return described(unit, examples, _data_files(unit, [path]), {UNLABELLED: left_out} if left_out else {})


def described(
    unit: Unit, examples: list[Example], files: tuple[DataFile, ...], conventions: Mapping[str, int] | None = None
) -> UnitResult:
    """The entry and fingerprints of examples; `conventions` counts what reading them left out or mended."""
    texts = list(row_texts(examples))
    prints = fingerprints(texts)
    labels = label_counts(unit.row, examples)
    rows = Rows(
        row=unit.row,
        split=unit.split,
        language=unit.language,
        examples=examples,
        texts=texts,
        prints=prints,
        labels=labels,
        conventions=conventions or {},
    )
    entry = SplitEntry(
        origin=unit.origin,
        files=files,
        content=content_digest(examples),
        rows=len(texts),
        labels=labels,
        text=text_statistics(texts, prints),
        findings=check_rows(rows),
    )
    return UnitResult(entry=entry, prints=prints)


def _from_hub(unit: Unit) -> tuple[list[Example], int]:
    """Examples of the hub: those an earlier, interrupted run stored, else fetched and stored now."""
    path = prepared_path(unit.data, unit.row.name, unit.split, unit.language)
    recipe, made = recipe_of(unit.row), read_provenance(path)
    if made is not None and (made.recipe, made.revision) == (recipe, unit.revision):
        found, examples = read_examples(path, unit.row)
        if content_digest(examples) == found.content:
            return examples, found.left_out
    from training.data.hub import fetch

    work = task_folder(unit.data, unit.row.name) / f".fetching-{unit.split}-{unit.language}"
    fetched = fetch(unit.row, unit.split, unit.language, unit.revision, work)
    hub = unit.row.hub
    assert hub is not None
    provenance = Provenance(
        task=unit.row.name,
        split=unit.split,
        language=unit.language,
        repository=hub.repository,
        revision=unit.revision,
        recipe=recipe,
        example=type(fetched.examples[0]).__name__,
        content=content_digest(fetched.examples),
        left_out=fetched.left_out,
    )
    _refuse_change(unit, path, provenance)
    write_examples(path, unit.row, fetched.examples, provenance)
    return fetched.examples, fetched.left_out


def _refuse_change(unit: Unit, path: Path, provenance: Provenance) -> None:
    """Raises DataError when the same commit gave other examples before."""
    manifest = read_manifest(unit.data, unit.row.name)
    before = manifest.entries.get(unit.split, {}).get(unit.language) if manifest else None
    if manifest is None or before is None or before.origin is not Origin.HUB:
        return
    same_source = (manifest.revision, manifest.version) == (unit.revision, unit.row.version)
    if same_source and manifest.recipe == provenance.recipe and before.content != provenance.content:
        raise DataError(
            f"{provenance.repository}: its files at the pinned revision {unit.revision} are not what they were "
            f"({unit.split} in {unit.language})",
            f"content {provenance.content[:16]}, before {before.content[:16]}",
            f"pin another commit knowingly (--revision {unit.row.name}=COMMIT), or delete {path.parent} to take these files",
        )


def _data_files(unit: Unit, paths: list[Path]) -> tuple[DataFile, ...]:
    return tuple(DataFile(path=str(path.relative_to(unit.data)), sha256=cached_digest(path)) for path in paths)


def _relative(unit: Unit) -> list[str]:
    return [str(path.relative_to(unit.data)) for path in native_files(unit.request)]
