"""What a trial leaves behind: one typed record, one file, written last and checked strictly when it is read.

Records are the source; MLflow, tables, selection and submission derive from them. Scores are in percent (0 to 100).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from training.errors import OtherVersionError, StoreError
from training.files.codec import from_payload
from training.files.seal import FIELD as SEAL
from training.files.seal import is_whole, sealed
from training.files.storage import read_bytes, write_atomically
from training.files.writing import LATE
from training.identity import PhaseIdentity

RECORD_SCHEMA = 4
READABLE_SCHEMAS = (2, 3, RECORD_SCHEMA)
"""Schema 2 is 3 without early stopping; 3 is 4 without a digest of the file."""
SEALED_SINCE = 4
"""The first schema whose files always have a digest."""
AGAIN = "give the launch's command again: it sets the record aside and runs the trial again"
ENGLISH = "en"
RECORDS, RUNGS, EVIDENCE = "records", "rungs", "evidence"
"""Folders below a run folder: records, trials that wait at a rung, what each item added to the scores of a record."""


class Status(StrEnum):
    """How a trial ended: with scores, early at a rung, or with a fault. `PAUSED` ones wait at a rung and have no record yet."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class CarryReport:
    """Which tensors a phase took from its parent, left behind, or initialised (names; `carried` is a count)."""

    carried: int
    dropped: tuple[str, ...] = ()
    initialised: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PhaseTrace:
    """One phase of the trial: `outcome` is `trained` or `reused`; `curve` holds (optimiser step, mean training loss).

    `tokens` counts real (not padded) tokens trained on; `seconds` the time the training took when it was trained; `examples` is
    how many different examples its training sets hold (0: not known).
    """

    key: str
    identity: PhaseIdentity
    outcome: str
    seconds: float
    steps: int
    tokens: int
    curve: tuple[tuple[int, float], ...]
    carry: CarryReport
    examples: int = field(default=0, metadata=LATE)


@dataclass(frozen=True, kw_only=True)
class TargetResult:
    """Scores of one target: language -> metric -> value in percent; the metric named `score` is the task's headline number.

    `mean` is XTREME's average of `score`: unweighted over languages, English included. `mean_non_english` leaves English out,
    and is None when there is nothing else. `examples` counts evaluated examples a language. `oracle` is true when scores depend
    on target-language gold, which `thresholds`, one a language, were tuned on.
    """

    task: str
    split: str
    languages: Mapping[str, Mapping[str, float]]
    examples: Mapping[str, int]
    mean: float
    mean_non_english: float | None
    synthetic: bool
    layer: int | None = None
    pooling: str | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    oracle: bool = False


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The number this trial is chosen by. `oracle` is true when it saw target-language data."""

    task: str
    split: str
    language: str
    metric: str
    score: float
    oracle: bool = False


@dataclass(frozen=True, kw_only=True)
class RungScore:
    """English dev score at a rung, in percent, after `step` of the last phase's `steps`; `rung` counts from 0."""

    rung: int
    step: int
    steps: int
    score: float


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial. `hyperparameters` are the searched values (`intermediate.lr`, `target.epochs` ...); `timing` is in seconds.

    `study` names the Optuna study, `number` the setting inside it; settings are repeated over seeds. `rungs` are the scores at
    which early stopping looked; a stopped trial has no results, and its selection is its last rung's score.
    """

    schema: int
    trial: str
    chain: str
    grid: str
    model: str
    intermediate: str
    targets: tuple[str, ...]
    study: str
    number: int
    seed: int
    status: Status
    hyperparameters: Mapping[str, float]
    phases: tuple[PhaseTrace, ...] = ()
    selection: Selection | None = None
    results: tuple[TargetResult, ...] = ()
    rungs: tuple[RungScore, ...] = ()
    reason: str = ""
    started: str = ""
    timing: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)


def record_path(folder: Path, trial: str) -> Path:
    """Where the record of a trial lives below a run folder."""
    return folder / RECORDS / f"{trial}.json"


def paused_path(folder: Path, trial: str) -> Path:
    """Where a trial that waits at a rung is kept, below a run folder."""
    return folder / RUNGS / f"{trial}.json"


def write_paused(folder: Path, record: TrialRecord) -> None:
    """Write a trial that waits at a rung, atomically; raises StoreError."""
    write_atomically(paused_path(folder, record.trial), file_of(record))


def write_record(folder: Path, record: TrialRecord) -> Path:
    """Write a record atomically; raises StoreError (StorageFullError on a full disk)."""
    path = record_path(folder, record.trial)
    write_atomically(path, file_of(record))
    return path


def file_of(record: TrialRecord) -> bytes:
    """The content of a record's file: what is read of an older schema is written in this one."""
    return sealed(record if record.schema == RECORD_SCHEMA else replace(record, schema=RECORD_SCHEMA))


def read_record(path: Path) -> TrialRecord:
    """Read one record; raises StoreError on a damaged file, OtherVersionError on another schema, Faults on unfit fields."""
    try:
        payload = payload_of(read_bytes(path))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"the record {path} can't be read ({error})", "", AGAIN) from error
    schema = payload["schema"]
    if schema not in READABLE_SCHEMAS:
        known = ", ".join(map(str, READABLE_SCHEMAS))
        remedy = f"this version reads schemas {known}: give another --run, or use the version that wrote this one"
        raise OtherVersionError(f"the record {path} has another schema", schema, remedy)
    record = from_payload(TrialRecord, payload, f"record {path}")
    if record.trial != path.stem:
        raise StoreError(f"the record {path} names another trial", record.trial, "a copied or renamed record: delete it")
    return record


def payload_of(content: bytes) -> dict[str, Any]:
    """The fields in a record's file, of whatever schema, once its digest is found to be right; raises ValueError on damage."""
    payload = json.loads(content)
    if not isinstance(payload, dict) or type(payload.get("schema")) is not int:
        raise ValueError("it is no record")
    if (payload.pop(SEAL, None) is not None or payload["schema"] >= SEALED_SINCE) and not is_whole(content):
        raise ValueError("its digest is another: it was damaged after it was written")
    return payload


def read_records(folder: Path) -> list[TrialRecord]:
    """All records of a run folder, in the order of their names."""
    return [read_record(path) for path in sorted((folder / RECORDS).glob("*.json"))]
