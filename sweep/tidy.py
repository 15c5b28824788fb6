"""Reading a run folder's records when some may be damaged: those are set aside and named, and their trials run again."""

from __future__ import annotations

from pathlib import Path

from training.errors import UserError
from training.record import TrialRecord, read_record


def readable_records(run: Path) -> tuple[list[TrialRecord], list[str]]:
    """All records that can be read, and a line for each that was set aside (renamed to `.damaged`)."""
    records, lines = [], []
    for path in sorted((run / "records").glob("*.json")):
        try:
            records.append(read_record(path))
        except UserError as fault:
            path.replace(path.with_suffix(".damaged"))
            lines.append(f"a damaged record was set aside, its trial will run again: {str(fault).splitlines()[0]}")
    return records, lines
