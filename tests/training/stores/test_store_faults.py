from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy
from tests.training.stored import IDENTITY, KEY, Reports, published, trace, weights
from training.errors import StorageFullError, StoreError
from training.files.storage import storage_errors, write_atomically
from training.files.tensorfile import write_tensors
from training.identity import phase_key
from training.stores.leftovers import clear_leftovers, drop_checkpoint
from training.stores.store import WEIGHTS, PhaseStore

SPAWN = multiprocessing.get_context("forkserver")


def killed_while_writing(root: Path) -> None:
    def killed(folder: Path) -> None:
        weights(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    PhaseStore(root).publish(KEY, IDENTITY, trace(), killed)


def test_store_writer_killed_leaves_nothing_visible_and_its_leftovers_are_swept(tmp_path: Path) -> None:
    process = SPAWN.Process(target=killed_while_writing, args=(tmp_path,), daemon=True)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    store = PhaseStore(tmp_path)
    (tmp_path / ".inflight").mkdir()
    (tmp_path / ".inflight" / ".x.safetensors.12.tmp").write_bytes(b"")
    assert not store.has(KEY) and store.find(KEY) is None
    assert clear_leftovers(store) == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file() and ".claims" not in path.parts] == []


def test_leftovers_of_what_another_process_is_making_stay(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    others = [tmp_path / f".writing-{KEY}-ab12", tmp_path / ".inflight" / f".{KEY}.safetensors.ab12.tmp"]
    mine = [tmp_path / ".writing-0123-cd34", tmp_path / ".removing-cd34", tmp_path / ".trunks" / ".0123@2.safetensors.cd34.tmp"]
    for path in (*others, *mine):
        path.mkdir(parents=True)
    with store.claim(KEY):
        assert clear_leftovers(PhaseStore(tmp_path)) == len(mine)
        assert all(path.exists() for path in others) and not any(path.exists() for path in mine)
    assert clear_leftovers(store) == len(others) and not any(path.exists() for path in others)


def test_checkpoint_of_a_phase_that_is_there_is_a_leftover_and_no_other_is(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    published(store)
    for key in (KEY, "0123"):
        store.checkpoint_path(key).parent.mkdir(exist_ok=True)
        store.checkpoint_path(key).write_bytes(b"")
    assert clear_leftovers(store) == 1
    assert not store.checkpoint_path(KEY).exists() and store.checkpoint_path("0123").exists() and store.has(KEY)
    drop_checkpoint(store, "0123")
    assert not store.checkpoint_path("0123").exists()


def hold(root: Path, connection: Any) -> None:
    with PhaseStore(root).claim(KEY):
        connection.send("held")
        connection.recv()


def is_claimed(root: Path, key: str = KEY) -> bool:
    with (root / ".claims" / key).open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_claim_keeps_others_out_until_its_holder_is_killed(tmp_path: Path) -> None:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=hold, args=(tmp_path, theirs), daemon=True)
    process.start()
    assert ours.poll(240) and ours.recv() == "held"
    assert is_claimed(tmp_path)
    with PhaseStore(tmp_path).claim("another"):
        assert is_claimed(tmp_path, "another")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with PhaseStore(tmp_path).claim(KEY, poll=0.01):
        assert is_claimed(tmp_path)
    assert not is_claimed(tmp_path)


def test_claim_waits_for_a_holder_that_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PhaseStore(tmp_path)
    waits: list[float] = []
    (tmp_path / ".claims").mkdir()
    with (tmp_path / ".claims" / KEY).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                fcntl.flock(other, fcntl.LOCK_UN)

        monkeypatch.setattr("training.stores.claims.time.sleep", wait)
        with store.claim(KEY, poll=0.5):
            assert waits == [0.5] * 3


def test_claim_is_given_up_when_training_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), PhaseStore(tmp_path).claim(KEY):
        raise RuntimeError
    assert not is_claimed(tmp_path)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def large(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"a": torch.zeros(2**20)}, {})


def test_full_disk_while_a_phase_is_written_is_named_and_earlier_phases_stay(tiny_disk: Path) -> None:
    reports = Reports()
    store = PhaseStore(tiny_disk, on_damage=reports)
    earlier = published(store)
    other = phase_key("parent", toy.phase(toy.NLI, seed=2))
    with pytest.raises(StorageFullError, match="no space left") as caught:
        store.publish(other, IDENTITY, trace(other), large)
    assert "free some space" in caught.value.remedy
    assert not store.has(other) and [path.name for path in tiny_disk.iterdir()] == [earlier.folder.name]
    assert store.find(KEY) == earlier and not reports


def test_full_disk_while_a_record_is_written_keeps_the_old_one(tiny_disk: Path) -> None:
    path = tiny_disk / "record.json"
    write_atomically(path, b"old")
    with pytest.raises(StorageFullError):
        write_atomically(path, b"x" * 2**21)
    assert path.read_bytes() == b"old" and list(tiny_disk.iterdir()) == [path]


def test_write_stopped_before_the_rename_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, b"old")

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_or_quota_in_any_step_of_writing_is_a_full_disk(tmp_path: Path, number: int) -> None:
    def full(folder: Path) -> None:
        weights(folder)
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageFullError):
        PhaseStore(tmp_path).publish(KEY, IDENTITY, trace(), full)
    assert list(tmp_path.iterdir()) == []


def test_storage_other_faults_are_store_errors_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="permissions") as caught, storage_errors(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert not isinstance(caught.value, StorageFullError)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        write_atomically(tmp_path / "file" / "inside", b"")
    with pytest.raises(StoreError):
        published(PhaseStore(tmp_path / "file"))
