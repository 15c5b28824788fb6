"""The records of a run folder, as kills and faults have left them: the damaged are named and set aside, the failed if asked."""

from __future__ import annotations

import contextlib
from pathlib import Path

from training.errors import OtherVersionError, UserError
from training.files.storage import is_unreachable, storage_errors
from training.record import RECORDS, RUNGS, Status, TrialRecord, paused_path, read_record, record_path


def readable_records(run: Path, *, set_aside: bool = True) -> tuple[list[TrialRecord], list[str]]:
    """All records that can be read, and a line for each that can't: renamed to `.damaged`, unless the caller only looks.

    Raises OtherVersionError, and touches nothing, where another version of the project wrote one; StoreError where the system
    refuses to read one, which says nothing of what is in it.
    """
    return _readable(run / RECORDS, "record", "its trial will run again", set_aside)


def waiting_trials(run: Path, *, set_aside: bool = True) -> tuple[list[TrialRecord], list[str]]:
    """Trials that wait at a rung, and a line for each file that can't be read; as `readable_records`.

    One that has its record does not wait: a kill came between the two. Its file is removed, unless the caller only looks.
    """
    found, lines = _readable(run / RUNGS, "trial at a rung", "it will run to it again", set_aside)
    ended = {trial.trial for trial in found if record_path(run, trial.trial).exists()}
    for name in ended if set_aside else ():
        paused_path(run, name).unlink(missing_ok=True)
    return [trial for trial in found if trial.trial not in ended], lines


def _readable(folder: Path, kind: str, then: str, set_aside: bool) -> tuple[list[TrialRecord], list[str]]:
    done = f"a damaged {kind} was set aside, {then}"
    said = done if set_aside else f"a {kind} is damaged and left out; in the next launch {then}"
    records, lines = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            records.append(read_record(path))
        except OtherVersionError:
            raise
        except UserError as fault:
            if is_unreachable(fault):
                raise
            if set_aside:
                with storage_errors(path), contextlib.suppress(FileNotFoundError):
                    path.replace(path.with_suffix(".damaged"))
            lines.append(f"{said}: {str(fault).splitlines()[0]}")
    return records, lines


def set_failed_aside(run: Path) -> int:
    """Take the records of failed trials out of the way (`.failed`), so that they run again; returns how many.

    Raises StoreError.
    """
    failed = [record.trial for record in readable_records(run)[0] if record.status is Status.FAILED]
    for name in failed:
        path = record_path(run, name)
        with storage_errors(path):
            path.replace(path.with_suffix(".failed"))
    return len(failed)
