"""Storage that fails now and then, at every operation of a write in turn, and at every system call with `strace`."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import training
from tests.faults.flaky import FlakyDisk
from training.errors import StorageFullError, StoreError
from training.files import storage
from training.files.storage import is_unreachable, read_bytes, replace_with, write_atomically

FLEETING = [errno.EIO, errno.ESTALE, errno.ETIMEDOUT]
OPERATIONS = ["mkdir", "open", "write", "fsync", "replace", "unlink"]
TRIES = len(storage.WAITS) + 1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("training.files.storage.time.sleep", waited.append)
    return waited


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> FlakyDisk:
    return FlakyDisk(tmp_path, monkeypatch)


def test_write_has_the_operations_that_the_faults_below_go_through(disk: FlakyDisk, tmp_path: Path) -> None:
    disk.fail((), 0)
    write_atomically(tmp_path / "record.json", b"new")
    assert disk.heal() == OPERATIONS


@pytest.mark.parametrize("number", FLEETING)
@pytest.mark.parametrize("place", range(len(OPERATIONS) - 1))
def test_fleeting_fault_at_any_operation_is_passed_over(
    disk: FlakyDisk, tmp_path: Path, waits: list[float], place: int, number: int
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    disk.fail({place}, number)
    write_atomically(path, b"new")
    disk.heal()
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]
    assert waits == [storage.WAITS[0]]


@pytest.mark.parametrize("place", range(len(OPERATIONS) - 1))
def test_fault_that_stays_is_told_with_its_cause_and_keeps_the_old_content(
    disk: FlakyDisk, tmp_path: Path, waits: list[float], place: int
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    disk.fail(range(place, 200), errno.ETIMEDOUT)
    with pytest.raises(StoreError, match=f"tried {TRIES} times") as caught:
        write_atomically(path, b"new")
    disk.heal()
    assert path.read_bytes() == b"old" and waits == list(storage.WAITS)
    assert not isinstance(caught.value, StorageFullError) and is_unreachable(caught.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("place", range(len(OPERATIONS) - 1))
def test_full_disk_and_refused_permission_are_told_at_once(
    disk: FlakyDisk, tmp_path: Path, waits: list[float], place: int, number: int
) -> None:
    disk.fail({place}, number)
    with pytest.raises(StoreError) as caught:
        write_atomically(tmp_path / "record.json", b"new")
    disk.heal()
    assert isinstance(caught.value, StorageFullError) == (number in storage.FULL)
    assert waits == [] and list(tmp_path.iterdir()) == []


def test_write_that_is_done_again_begins_with_an_empty_file(disk: FlakyDisk, tmp_path: Path) -> None:
    begun: list[bytes] = []

    def write(temporary: Path) -> None:
        begun.append(temporary.read_bytes() if temporary.exists() else b"")
        temporary.write_bytes(b"half")
        if len(begun) < 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    replace_with(tmp_path / "weights", write)
    assert begun == [b""] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_read_passes_over_fleeting_faults_and_gives_up_on_those_that_stay(disk: FlakyDisk, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"there")
    disk.fail({0, 1}, errno.ESTALE)
    assert read_bytes(path) == b"there"
    disk.fail(range(100), errno.EIO)
    with pytest.raises(OSError) as caught:
        read_bytes(path)
    assert len(disk.heal()) == TRIES and not is_unreachable(caught.value)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "other")


SCRIPT = """
import sys
from pathlib import Path
from training.files import storage
storage.WAITS = (0.0,) * 4
storage.write_atomically(Path(sys.argv[1]), b"new" * 100)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace puts the faults into system calls")
@pytest.mark.parametrize("call", ["fsync", "rename", "write"])
def test_fault_in_a_real_system_call_is_passed_over(tmp_path: Path, call: str) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    where = f"inject={call}:error=EIO:when=1"
    traced = ["strace", "-f", "-o", str(tmp_path / "log"), "-e", where, sys.executable, "-S", "-c", SCRIPT, str(path)]
    done = subprocess.run(traced, capture_output=True, text=True, check=False, cwd=Path(training.__file__).parents[1])
    log = (tmp_path / "log").read_text()
    if "INJECTED" not in log and "Traceback" not in done.stderr:
        pytest.skip(f"strace is not allowed to trace here: {done.stderr[:200]}")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == b"new" * 100 and "tried again" in done.stderr
