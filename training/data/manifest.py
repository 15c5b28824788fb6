"""What `sweep data prepare` found out about a task's data, and where it put what it fetched.

`<data>/prepared/<task>/manifest.json` says for each split and language which files hold it, their digests, and what is in them.
Data of the hub lies beside it as Parquet; native files stay where they are. The manifest is canonical JSON, replaced in one
step after every file it names is there, so that it never names a file that is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from training.errors import DataError, Faults
from training.files.codec import canonical, from_payload
from training.files.storage import write_atomically

FORMAT = 1
PREPARED = "prepared"
MANIFEST = "manifest.json"


class Origin(StrEnum):
    """Where the examples of a split in a language come from."""

    NATIVE = "native"
    HUB = "hub"


@dataclass(frozen=True, kw_only=True)
class TextStatistics:
    """Characters a row (all its texts), and how many rows are blank or repeat the texts of an earlier row."""

    mean: float
    median: int
    p90: int
    p99: int
    maximum: int
    blank: int
    duplicates: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something a quality check found: how often, and one case of it (cut to 100 characters)."""

    check: str
    split: str
    language: str
    count: int
    case: str = ""


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file by its path below the data folder and the sha256 of its content (after decompression)."""

    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SplitEntry:
    """One split in one language. `content` is the sha256 of the examples themselves, whatever file they came from."""

    origin: Origin
    files: tuple[DataFile, ...]
    content: str
    rows: int
    labels: Mapping[str, int]
    text: TextStatistics
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A task's data. `entries` is by split and language; `across` are findings between files; `failed` what could not be had.

    `version` and `files` are those of the row it was prepared for; `repository`, `revision` and `recipe` (see
    `units.recipe_of`) are empty without hub data.
    """

    task: str
    version: int
    licence: str
    files: Mapping[str, str]
    entries: Mapping[str, Mapping[str, SplitEntry]]
    repository: str = ""
    revision: str = ""
    recipe: str = ""
    across: tuple[Finding, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def units(self) -> Iterator[tuple[str, str, SplitEntry]]:
        """Split, language and entry of everything that is there."""
        for split, languages in self.entries.items():
            for language, entry in languages.items():
                yield split, language, entry

    def findings(self) -> list[Finding]:
        """Every finding, those inside files first."""
        return [*(finding for _, _, entry in self.units() for finding in entry.findings), *self.across]


def task_folder(data: Path, task: str) -> Path:
    """Where a task's manifest and fetched data lie."""
    return data / PREPARED / task


def read_manifest(data: Path, task: str) -> Manifest | None:
    """The manifest of a task, None when it was never prepared; raises DataError when it can't be read."""
    path = task_folder(data, task) / MANIFEST
    remedy = f"delete it, then run: sweep data prepare {task}"
    try:
        payload = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read", str(error), remedy) from error
    if isinstance(payload, dict) and payload.get("format") != FORMAT:
        raise DataError(f"{path}: a manifest of another format", payload.get("format", ""), remedy)
    try:
        manifest = from_payload(Manifest, payload, str(path))
    except Faults as faults:
        raise DataError(f"{path}: does not read as a manifest", faults.faults[0].cause, remedy) from faults
    if manifest.task != task:
        raise DataError(f"{path}: the manifest of another task", manifest.task, remedy)
    return manifest


def write_manifest(data: Path, manifest: Manifest) -> None:
    """Put a manifest in place; raises StoreError when it can't be written."""
    write_atomically(task_folder(data, manifest.task) / MANIFEST, canonical(manifest))
