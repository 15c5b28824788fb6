"""A machine's own disk is small: phases that are behind make room, and come back when they are needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from tests.training.bucket import Server, bucket, machine, server
from tests.training.stored import published
from training.files.tensorfile import write_tensors
from training.stores.fetching import IN_USE, bring_checkpoint, make_room, put_checkpoint
from training.stores.store import PhaseStore

__all__ = ["bucket", "server"]
KEYS = ("1111111111111111", "2222222222222222", "3333333333333333")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def store(bucket: Server, tmp_path: Path) -> PhaseStore:
    """Three phases, all behind, the first unused for longest."""
    found = PhaseStore(machine(tmp_path / "machine"))
    for number, key in enumerate(KEYS):
        published(found, key)
        age(found, key, 10 - number)
    return found


def age(store: PhaseStore, key: str, hours: float) -> None:
    note = store.root / ".behind" / key
    used = note.stat().st_mtime - hours * IN_USE
    os.utime(note, (used, used))


def here(store: PhaseStore) -> list[str]:
    return [key for key in KEYS if store.folder_of(key)]


@pytest.fixture
def disk(store: PhaseStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many phases the disk has room for."""

    def holds(count: int) -> None:
        def usage(path: Any) -> Usage:
            return Usage(10**6, 0, 0 if len(here(store)) > count else 10**6)

        monkeypatch.setattr(shutil, "disk_usage", usage)

    return holds


def test_disk_that_is_short_loses_what_was_unused_for_longest_and_has_it_again_when_asked(
    store: PhaseStore, disk: Callable[[int], None]
) -> None:
    disk(2)
    make_room(store.root, 0)
    assert here(store) == list(KEYS[1:]) and store.has(KEYS[0])
    assert store.find(KEYS[0]) is not None
    assert here(store) == list(KEYS)
    published(store, "4" * 16)
    assert here(store) == [KEYS[0], KEYS[2]] and not list(store.root.glob(".removing-*"))


def test_disk_with_room_loses_nothing(store: PhaseStore, disk: Callable[[int], None]) -> None:
    disk(3)
    make_room(store.root, 900_000)
    assert here(store) == list(KEYS)
    make_room(store.root, 900_001)  # a tenth of the disk stays free
    assert here(store) == []


def test_phase_used_within_the_hour_or_claimed_or_not_behind_stays(store: PhaseStore, disk: Callable[[int], None]) -> None:
    disk(0)
    store.find(KEYS[0])
    (store.root / ".behind" / KEYS[1]).unlink()
    with store.claim(KEYS[2]):
        make_room(store.root, 0)
    assert here(store) == list(KEYS)
    make_room(store.root, 0)
    assert here(store) == list(KEYS[:2])


def test_store_without_anything_behind_it_keeps_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1000, 1000, 0))
    store = PhaseStore(tmp_path)
    for key in KEYS:
        published(store, key)
    assert here(store) == list(KEYS) and store.find(KEYS[0]) is not None


def kept(store: PhaseStore, path: Path, step: int, hours: float, behind: int | None) -> Path:
    """A checkpoint or a trunk that was written so many hours ago; `behind` is the step of the one that is behind."""
    path.parent.mkdir(exist_ok=True)
    for written in (behind, step):
        if written is not None:
            write_tensors(path, {"a": torch.arange(8.0)}, {"position": f'{{"step": {written}}}'})
        if written == behind and behind is not None:
            put_checkpoint(path, behind)
    os.utime(path, (path.stat().st_mtime - hours * IN_USE,) * 2)
    return path


def test_checkpoints_and_trunks_that_are_behind_make_room_and_come_back(store: PhaseStore, disk: Callable[[int], None]) -> None:
    checkpoint = kept(store, store.checkpoint_path("5" * 16), 3, 20, 3)
    trunk = kept(store, store.trunk_path("6" * 16, 2), 3, 20, 3)
    disk(2)
    make_room(store.root, 0)
    assert not checkpoint.exists() and not trunk.exists() and here(store) == list(KEYS[1:])
    for path in (checkpoint, trunk):
        assert bring_checkpoint(path, lambda folder, cause: None) and path.exists()


def test_checkpoint_that_is_further_than_what_is_behind_or_new_or_claimed_stays(
    store: PhaseStore, disk: Callable[[int], None]
) -> None:
    further = kept(store, store.checkpoint_path("5" * 16), 4, 20, 3)
    alone = kept(store, store.checkpoint_path("6" * 16), 4, 20, None)
    new = kept(store, store.checkpoint_path("7" * 16), 3, 0, 3)
    busy = kept(store, store.trunk_path("8" * 16, 2), 3, 20, 3)
    disk(0)
    with store.claim(f"{'8' * 16}@2"):
        make_room(store.root, 0)
    assert all(path.exists() for path in (further, alone, new, busy)) and here(store) == []
