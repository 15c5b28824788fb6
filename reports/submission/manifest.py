"""What a folder of predictions was made of: `manifest.json`, where the official script looks at nothing.

It is written again after each file, so it is also how a submission that was interrupted goes on: a file whose digest is the one
noted, and whose basis (weights, data, encoding, form) is the one asked for, is not predicted again. No time, no path and no
machine stands in it, so that equal predictions have equal manifests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from training.errors import UserError
from training.files.codec import from_payload, to_payload
from training.files.storage import write_atomically

MANIFEST = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """One file: the digest of what it holds, its examples, and `basis`, the digest of all that it follows from.

    `threshold` is what mined pairs had to reach. `official` and `clean` are scores in percent, None without gold.
    """

    file: str
    sha256: str
    examples: int
    basis: str
    threshold: float | None = None
    official: float | None = None
    clean: float | None = None


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """One task: the trial whose weights predicted it, how that was chosen, and its files by language.

    `target` is the task that the trial was chosen for: another one than `row` where both learn from the same data. `weights` is
    the key of the last phase, or of a published model without one. `record` says whether the files give the record's scores.
    `threshold_from` names the gold that thresholds were tuned on.
    """

    row: str
    target: str
    trial: str
    study: str
    model: str
    intermediate: str
    setting: int
    seed: int
    hyperparameters: Mapping[str, float]
    chain: str
    weights: str
    phases: tuple[str, ...]
    chosen_by: str
    criterion: float
    oracle: bool
    synthetic: bool
    data: str
    layer: int | None = None
    pooling: str | None = None
    threshold_from: str = ""
    notes: tuple[str, ...] = ()
    record: str = ""
    official: float | None = None
    clean: float | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A whole submission. `missing` names what it lacks; `oracle` says that target-language gold had a part in some choice."""

    schema: int
    benchmark: str
    sweep: str
    grid: str
    rule: str
    complete: bool
    synthetic: bool
    oracle: bool
    missing: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, TaskEntry] = field(default_factory=dict)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none. Raises UserError where it can't be read or is another version's."""
    path = folder / MANIFEST
    try:
        payload = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"the manifest {path} can't be read", error, "give a new folder with --out, or delete it") from error
    if not isinstance(payload, dict) or payload.get("schema") != SCHEMA:
        seen = payload.get("schema", "") if isinstance(payload, dict) else ""
        raise UserError(f"{path} is no manifest of this version", seen, "give a new folder with --out")
    return from_payload(Manifest, payload, str(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest atomically, keys in a fixed order; raises StoreError."""
    write_atomically(folder / MANIFEST, json.dumps(to_payload(manifest), indent=1, ensure_ascii=True).encode() + b"\n")


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file; empty where there is none that can be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
