"""Records and waiting trials that a disk has damaged, at any byte: set aside, said once, and nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.records import readable_records, waiting_trials
from sweep.runfolder import SNAPSHOT
from sweep.snapshots import read_snapshot
from tests.faults.flaky import FlakyDisk
from tests.reports.builders import record
from training.errors import OtherVersionError, StoreError
from training.files.codec import canonical, digest, to_payload
from training.files.seal import sealed
from training.record import (
    RECORD_SCHEMA,
    Status,
    TrialRecord,
    file_of,
    paused_path,
    read_record,
    record_path,
    write_paused,
    write_record,
)

Reader = Callable[..., tuple[list[TrialRecord], list[str]]]
WHOLE = record("none", {"xnli": 60.0})
TRIAL = record("mnli", {"xnli": 60.0}, rungs=[(10, 40.0)], status=Status.PAUSED)
CONTENT = file_of(TRIAL)
READERS: list[tuple[Reader, str]] = [(readable_records, "records"), (waiting_trials, "rungs")]


def damages() -> st.SearchStrategy[bytes]:
    """What a disk makes of a file: its beginning, zeros in the place of a part, a changed byte, anything."""
    places = st.integers(0, len(CONTENT) - 1)
    return st.one_of(
        places.map(lambda end: CONTENT[:end]),
        st.tuples(places, places).map(lambda part: CONTENT[: min(part)] + bytes(max(part) - min(part)) + CONTENT[max(part) :]),
        st.tuples(places, st.integers(1, 255)).map(
            lambda spot: CONTENT[: spot[0]] + bytes([CONTENT[spot[0]] ^ spot[1]]) + CONTENT[spot[0] + 1 :]
        ),
        st.binary(max_size=60),
        st.sampled_from([b"[" * 100_000, b"null", b"\xff\xfe", b'{"schema": 1e400}', b'{"schema": 3, "schema": 3}']),
    )


@pytest.mark.parametrize(("read", "room"), READERS)
@settings(max_examples=150, deadline=None)
@given(damage=damages())
def test_damaged_file_is_set_aside_and_said_once_whatever_is_in_it(read: Reader, room: str, damage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        path = run / room / f"{TRIAL.trial}.json"
        other = run / room / f"{WHOLE.trial}.json"
        path.parent.mkdir()
        path.write_bytes(damage)
        other.write_bytes(file_of(WHOLE))
        if damage.removesuffix(b"\n") == CONTENT.removesuffix(b"\n"):
            damage, whole = CONTENT, [TRIAL, WHOLE]
        else:
            whole = [WHOLE]
        found, lines = read(run)
        assert sorted(found, key=lambda trial: trial.trial) == sorted(whole, key=lambda trial: trial.trial)
        assert len(lines) == 2 - len(whole)
        if lines:
            assert path.with_suffix(".damaged").read_bytes() == damage and not path.exists()
        assert read(run) == (found, [])


@pytest.mark.parametrize(("read", "room"), READERS)
@pytest.mark.parametrize(
    ("whole", "flipped"),
    [(b'"score":40.0', b'"score":48.0'), (b'"schema":4', b'"schema":7'), (b'"number":0', b'"number":1')],
)
def test_digit_that_a_disk_has_changed_is_damage(tmp_path: Path, read: Reader, room: str, whole: bytes, flipped: bytes) -> None:
    path = tmp_path / room / f"{TRIAL.trial}.json"
    path.parent.mkdir()
    assert whole in CONTENT
    path.write_bytes(CONTENT.replace(whole, flipped))
    with pytest.raises(StoreError, match="its digest is another") as caught:
        read_record(path)
    assert "again" in caught.value.remedy
    records, (line,) = read(tmp_path)
    assert records == [] and "set aside" in line and path.with_suffix(".damaged").is_file()


@pytest.mark.parametrize("schema", [2, 3])
def test_record_of_an_earlier_schema_has_no_digest_and_is_written_anew_with_one(tmp_path: Path, schema: int) -> None:
    earlier = replace(WHOLE, schema=schema)
    path = record_path(tmp_path, WHOLE.trial)
    path.parent.mkdir()
    path.write_bytes(canonical(earlier) + b"\n")
    assert read_record(path) == earlier
    assert read_record(write_record(tmp_path, earlier)) == WHOLE and path.read_bytes() == file_of(WHOLE)


def test_record_of_another_version_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    path = record_path(tmp_path, WHOLE.trial)
    path.parent.mkdir()
    for other in (canonical(replace(WHOLE, schema=1)), sealed(replace(WHOLE, schema=RECORD_SCHEMA + 1))):
        path.write_bytes(other)
        with pytest.raises(OtherVersionError, match="another schema"):
            readable_records(tmp_path)
        assert path.read_bytes() == other
    path.write_bytes(canonical(WHOLE))  # its digest is gone
    assert len(readable_records(tmp_path)[1]) == 1


def test_file_of_a_record_is_one_json_object_that_begins_with_its_digest() -> None:
    fields = json.loads(CONTENT)
    assert next(iter(fields)) == "digest"
    assert fields.pop("digest") == digest(fields) and fields == to_payload(TRIAL)


@pytest.mark.parametrize(("read", "room"), READERS)
@pytest.mark.parametrize("number", [errno.ESTALE, errno.EACCES, errno.EMFILE])
def test_file_that_the_system_refuses_to_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Reader, room: str, number: int
) -> None:
    monkeypatch.setattr("training.files.storage.time.sleep", lambda seconds: None)
    path = tmp_path / room / f"{TRIAL.trial}.json"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    disk = FlakyDisk(tmp_path, monkeypatch)
    disk.fail(range(100), number)
    with pytest.raises(StoreError, match=os.strerror(number)):
        read(tmp_path)
    disk.heal()
    assert path.read_bytes() == CONTENT
    disk.fail({0}, errno.ESTALE)
    assert [trial.trial for trial in read(tmp_path)[0]] == [TRIAL.trial]


def test_file_with_a_sector_that_can_not_be_read_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.files.storage.time.sleep", lambda seconds: None)
    write_record(tmp_path, TRIAL)
    disk = FlakyDisk(tmp_path, monkeypatch)
    disk.fail(range(5), errno.EIO)
    records, lines = readable_records(tmp_path)
    disk.heal()
    assert records == [] and len(lines) == 1
    assert [path.suffix for path in (tmp_path / "records").iterdir()] == [".damaged"]


def test_trial_that_has_its_record_waits_at_no_rung(tmp_path: Path) -> None:
    write_record(tmp_path, WHOLE)
    for trial in (WHOLE, TRIAL):
        write_paused(tmp_path, trial)
    looked, _ = waiting_trials(tmp_path, set_aside=False)
    assert [trial.trial for trial in looked] == [TRIAL.trial] and paused_path(tmp_path, WHOLE.trial).exists()
    assert waiting_trials(tmp_path) == ([TRIAL], [])
    assert not paused_path(tmp_path, WHOLE.trial).exists() and record_path(tmp_path, WHOLE.trial).exists()


@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=40), st.sampled_from([b'{"schema": 1}', b'{"schema": 2, "fields": {}}', b"null"])))
def test_damaged_snapshot_of_the_grid_is_no_snapshot(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / SNAPSHOT).write_bytes(content)
        assert read_snapshot(Path(folder)) is None
