"""Taking up a run folder that a kill or a fault has passed over: damaged records are set aside and named, leftovers removed."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from training.errors import OtherVersionError, UserError
from training.record import TrialRecord, read_record
from training.store import PhaseStore

SCRATCH = ("live", "outcomes", "train", "tune")
"""Folders that only a running launch needs."""


def readable_records(run: Path, *, set_aside: bool = True) -> tuple[list[TrialRecord], list[str]]:
    """All records that can be read, and a line for each that can't: renamed to `.damaged`, unless the caller only looks.

    Raises OtherVersionError, and touches nothing, where another version of the project wrote one.
    """
    records, lines = [], []
    for path in sorted((run / "records").glob("*.json")):
        try:
            records.append(read_record(path))
        except OtherVersionError:
            raise
        except UserError as fault:
            if set_aside:
                path.replace(path.with_suffix(".damaged"))
            lines.append(f"a damaged record was set aside, its trial will run again: {str(fault).splitlines()[0]}")
    return records, lines


def remove_leftovers(run: Path) -> None:
    """Remove what a killed launch left half-written; only safe for the launch that holds the run folder."""
    store = PhaseStore(run / "phases")
    store.sweep_leftovers()
    for name in SCRATCH:
        shutil.rmtree(run / name, ignore_errors=True)
    half_written = [*run.glob(".*.tmp"), *run.glob("records/.*.tmp")]
    published = [path for path in store.root.glob(".inflight/*.safetensors") if store.has(path.stem)]
    for path in half_written + published:
        with contextlib.suppress(OSError):
            path.unlink()
