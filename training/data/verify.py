"""Verifying prepared data: every number of a manifest is computed again from the files, and each difference is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.crosschecks import across
from training.data.examples import Example
from training.data.files import content_digest
from training.data.manifest import Manifest, Origin, SplitEntry
from training.data.prepared import native_files, read_examples
from training.data.readers import READERS, remarks
from training.data.request import ReadRequest
from training.data.statistics import Fingerprints
from training.data.units import Unit, described, wanted
from training.errors import UserError
from training.tasks.row import TaskRow

READING = "reading it"
MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where something is not what the manifest says: a split and language (or the whole task), and the two values."""

    task: str
    place: str
    what: str
    manifest: str
    now: str

    def __str__(self) -> str:
        if self.what == READING:
            return f"{self.task} {self.place}: it can't be read any more: {self.now}"
        return f"{self.task} {self.place}: {self.what} is {self.now}, the manifest says {self.manifest}"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What verifying a task came to; `notes` are no differences, but good to know."""

    task: str
    units: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def verify_task(row: TaskRow, data: Path, manifest: Manifest) -> Verification:
    """Recompute digests, rows, label counts, statistics and findings of a task; opens no connection."""
    differences = list(_row_differences(row, manifest))
    notes: list[str] = []
    if dict(row.files) != dict(manifest.files):
        notes.append(
            f"{row.name}: prepared for other files than the task's own (a grid's): {', '.join(manifest.files.values())}"
        )
        row = dataclasses.replace(row, files=manifest.files)
    prints: dict[tuple[str, str], Fingerprints] = {}
    for split, language, entry in manifest.units():
        unit = Unit(row=row, data=data, split=split, language=language, origin=entry.origin)
        found, differing = _verify_unit(unit, entry)
        differences += differing
        if found is not None:
            prints[split, language] = found
        if entry.origin is Origin.HUB and native_files(unit.request):
            notes.append(f"{row.name} {split}/{language}: native files are there too, and go before what was fetched")
    if not differences:
        entries = {(split, language): entry for split, language, entry in manifest.units()}
        now = tuple(across(row, data, entries, prints))
        if now != manifest.across:
            differences.append(_difference(row, "across", "findings between files", manifest.across, now))
    there = {(split, language) for split, language, _ in manifest.units()}
    for split, language in wanted(row):
        if (split, language) not in there and native_files(ReadRequest(row, data, split, language)):
            cause = manifest.failed.get(f"{split}/{language}")
            state = f"could not be prepared: {cause}" if cause else "were never prepared"
            notes.append(f"{row.name} {split}/{language}: its files are there, but {state}")
    return Verification(task=row.name, units=len(there), differences=tuple(differences), notes=tuple(notes))


def _row_differences(row: TaskRow, manifest: Manifest) -> Iterator[Difference]:
    for what in ("version", "licence"):
        if getattr(row, what) != getattr(manifest, what):
            yield _difference(row, "row", what, getattr(manifest, what), getattr(row, what))


def _verify_unit(unit: Unit, entry: SplitEntry) -> tuple[Fingerprints | None, list[Difference]]:
    place = f"{unit.split}/{unit.language}"
    differences = []
    for item in entry.files:
        path = unit.data / item.path
        try:
            now = content_digest(path) if path.is_file() else MISSING
        except UserError as fault:
            now = fault.cause
        if now != item.sha256:
            differences.append(_difference(unit.row, place, f"the sha256 of {item.path}", item.sha256, now))
    if any(found.now == MISSING for found in differences):
        return None, differences
    try:
        examples = _examples(unit, entry)
        result = described(unit, examples, entry.files, _conventions(unit, entry))
    except UserError as fault:
        cause = str(fault).splitlines()[0]
        return None, [*differences, _difference(unit.row, place, READING, "possible", cause)]
    differences += _entry_differences(unit, place, entry, result.entry)
    return result.prints, differences


def _conventions(unit: Unit, entry: SplitEntry) -> dict[str, int]:
    """What reading left out or mended: counted again in native files; what was fetched no longer has it."""
    if entry.origin is Origin.NATIVE:
        return remarks(unit.request)
    return {finding.case: finding.count for finding in entry.findings if finding.check == "by_convention"}


def _examples(unit: Unit, entry: SplitEntry) -> list[Example]:
    if entry.origin is Origin.HUB:
        return read_examples(unit.data / entry.files[0].path, unit.row)[1]
    return READERS[unit.row.reader](unit.request)


def _entry_differences(unit: Unit, place: str, entry: SplitEntry, now: SplitEntry) -> Iterator[Difference]:
    for what in ("rows", "labels", "findings"):
        before, after = getattr(entry, what), getattr(now, what)
        if before != after:
            yield _difference(unit.row, place, what, before, after)
    for item in dataclasses.fields(entry.text):
        before, after = getattr(entry.text, item.name), getattr(now.text, item.name)
        if before != after:
            yield _difference(unit.row, place, f"text.{item.name}", before, after)
    if entry.content != now.content:
        yield _difference(unit.row, place, "the digest of the examples", entry.content, now.content)


def _difference(row: TaskRow, place: str, what: str, before: Any, now: Any) -> Difference:
    return Difference(task=row.name, place=place, what=what, manifest=_shown(before), now=_shown(now))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(f"{item.check} {item.count} ({item.split}/{item.language})" for item in value) or "none"
    return str(value)
