"""What killed launches left half-written in a run folder."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from sweep.watch.standing import STANDING
from training.record import RECORDS, RUNGS
from training.stores.leftovers import clear_leftovers
from training.stores.store import PhaseStore

SCRATCH = ("live", "train", "tune")
"""Folders that only a running launch needs."""


def remove_leftovers(run: Path, phases: Path | None = None) -> None:
    """Remove what killed launches left half-written; only for the launch that holds the run folder.

    `phases` is a store that other sweeps may be writing to at this moment (None: the run folder's own): what somebody holds the
    claim of stays there.
    """
    for name in SCRATCH:
        shutil.rmtree(run / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # where the storage does not answer, the next launch removes it
        for path in (run / STANDING, *run.glob(".*.tmp"), *run.glob(f"{RECORDS}/.*.tmp"), *run.glob(f"{RUNGS}/.*.tmp")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        clear_leftovers(PhaseStore(phases or run / "phases"))
