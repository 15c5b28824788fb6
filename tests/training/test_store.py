from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy
from training.errors import StorageFullError, StoreError
from training.identity import PhaseIdentity, phase_key
from training.record import CarryReport, PhaseTrace
from training.storage import storage_errors, write_atomically
from training.store import MANIFEST, WEIGHTS, PhaseStore, StoredPhase, verify
from training.tensorfile import write_tensors

IDENTITY = toy.phase(toy.NLI)
KEY = phase_key("parent", IDENTITY)


def trace(key: str = KEY, identity: PhaseIdentity = IDENTITY) -> PhaseTrace:
    return PhaseTrace(
        key=key,
        identity=identity,
        outcome="trained",
        seconds=1.0,
        steps=2,
        tokens=3,
        curve=((1, 0.5),),
        carry=CarryReport(carried=1),
    )


def weights(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"a": torch.arange(64.0)}, {})


def published(store: PhaseStore, key: str = KEY) -> StoredPhase:
    return store.publish(key, IDENTITY, trace(key), weights)


class Reports(list[tuple[str, str]]):
    def __call__(self, folder: Path, cause: str) -> None:
        self.append((folder.name, cause))


def test_store_published_phase_is_found_with_how_its_training_went(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    assert store.find(KEY) is None and not store.has(KEY)
    stored = published(store)
    assert store.has(KEY) and store.find(KEY) == stored
    assert stored.folder.name == f"nli-lr0.003-ep1-s1--{KEY}"
    assert sorted(path.name for path in stored.folder.iterdir()) == [MANIFEST, "identity.json", WEIGHTS, "report.json"]
    assert json.loads((stored.folder / "identity.json").read_bytes())["seed"] == 1


def test_store_publishing_removes_the_phase_s_checkpoint(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    path = store.checkpoint_path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    published(store)
    assert not path.exists()


def test_store_name_longer_than_file_systems_take_is_cut(tmp_path: Path) -> None:
    rows = [toy._row(f"task_with_a_long_name_{n}", toy.Kind.MLM, "r", "m", "txt") for n in range(20)]
    identity = toy.phase(*rows)
    store = PhaseStore(tmp_path)
    store.publish(KEY, identity, trace(identity=identity), weights)
    assert store.find(KEY) is not None


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped weights": (lambda folder: flip(folder / WEIGHTS), "damaged file: 'model.safetensors'"),
    "truncated weights": (lambda folder: truncated(folder / WEIGHTS), "damaged file: 'model.safetensors'"),
    "flipped report": (lambda folder: flip(folder / "report.json", 5), "damaged file: 'report.json'"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "lacks a file: 'model.safetensors'"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "no readable manifest"),
    "truncated manifest": (lambda folder: truncated(folder / MANIFEST), "no readable manifest"),
    "flipped key of the manifest": (lambda folder: flip(folder / MANIFEST, 3), "no readable manifest"),
    "another kind of manifest": (lambda folder: (folder / MANIFEST).write_text("[]"), "no readable manifest"),
    "empty manifest": (lambda folder: (folder / MANIFEST).write_text('{"files":{}}'), "manifest"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("name", DAMAGES)
def test_store_damaged_phase_is_set_aside_reported_and_not_found(tmp_path: Path, name: str) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    folder = published(store).folder
    damage, cause = DAMAGES[name]
    damage(folder)
    assert store.find(KEY) is None
    assert [name for name, _ in reports] == [folder.name] and cause in reports[0][1]
    assert not folder.exists() and not store.has(KEY)
    (kept,) = (tmp_path / "damaged").iterdir()
    assert kept.name.startswith(folder.name)
    assert store.find(KEY) is None and len(reports) == 1
    published(store)
    assert store.find(KEY) is not None


def test_store_flip_of_any_byte_of_the_manifest_is_never_a_crash(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    folder = published(store).folder
    whole = (folder / MANIFEST).read_bytes()
    for place in range(0, len(whole), 3):
        flip(folder / MANIFEST, place)
        with pytest.raises(StoreError):
            verify(folder)
        (folder / MANIFEST).write_bytes(whole)
    verify(folder)


def test_store_folder_renamed_to_another_key_is_not_that_phase(tmp_path: Path) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    published(store).folder.rename(tmp_path / "x--0123456789abcdef")
    assert store.find("0123456789abcdef") is None
    assert "copied or renamed" in reports[0][1]


def test_store_damage_that_another_process_set_aside_first_is_no_error(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    store._set_aside(tmp_path / "gone--0123", "cause")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("killed")])
def test_store_stopped_while_writing_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    store = PhaseStore(tmp_path)

    def stopped(folder: Path) -> None:
        weights(folder)
        assert store.find(KEY) is None and not store.has(KEY)
        raise error

    with pytest.raises(type(error)):
        store.publish(KEY, IDENTITY, trace(), stopped)
    assert list(tmp_path.iterdir()) == []


def killed_while_writing(root: Path) -> None:
    def killed(folder: Path) -> None:
        weights(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    PhaseStore(root).publish(KEY, IDENTITY, trace(), killed)


def test_store_writer_killed_leaves_nothing_visible_and_its_leftovers_are_swept(tmp_path: Path) -> None:
    process = SPAWN.Process(target=killed_while_writing, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    store = PhaseStore(tmp_path)
    (tmp_path / ".inflight").mkdir()
    (tmp_path / ".inflight" / ".x.safetensors.12.tmp").write_bytes(b"")
    assert not store.has(KEY) and store.find(KEY) is None
    assert store.sweep_leftovers() == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


SPAWN = multiprocessing.get_context("forkserver")


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
    process = SPAWN.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(60) and ours.recv() == "held"
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

        monkeypatch.setattr("training.store.time.sleep", wait)
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
