"""A store of phases that does not answer for a while: brief faults are passed over, and the search waits instead of ending."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweep.search.index import StoreIndex
from tests.faults.flaky import FlakyDisk
from training.errors import StoreError
from training.stores.claims import claim
from training.stores.store import PhaseStore

KEY = "0123456789abcdef"
FLEETING = [errno.EIO, errno.ESTALE, errno.ETIMEDOUT]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("training.files.storage.time.sleep", waited.append)
    return waited


class Silent:
    """A folder that answers no listing so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.number, self.left = number, 0
        for name in ("scandir", "listdir"):
            monkeypatch.setattr(os, name, self._silent(getattr(os, name)))

    def _silent(self, real: Callable[[Path], object]) -> Callable[[Path], object]:
        def call(path: Path) -> object:
            if self.left:
                self.left -= 1
                raise OSError(self.number, os.strerror(self.number))
            return real(path)

        return call


@pytest.mark.parametrize("number", FLEETING)
@pytest.mark.parametrize("place", [0, 1])
def test_claim_passes_over_a_fleeting_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float], number: int, place: int
) -> None:
    disk = FlakyDisk(tmp_path, monkeypatch)
    disk.fail({place}, number)
    with claim(tmp_path, KEY, 0.0, wait=False):
        assert PhaseStore(tmp_path).claimed(KEY)
    assert len(waits) == 1


def test_claim_that_can_not_be_taken_is_told_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    FlakyDisk(tmp_path, monkeypatch).fail(range(100), errno.ESTALE)
    with pytest.raises(StoreError, match="tried 5 times"), claim(tmp_path, KEY, 0.0, wait=False):
        pass


@pytest.mark.parametrize("number", FLEETING)
def test_phase_is_found_although_its_folder_does_not_answer_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float], number: int
) -> None:
    folder = tmp_path / f"nli--{KEY}"
    folder.mkdir()
    Silent(monkeypatch, number).left = 2
    assert PhaseStore(tmp_path).folder_of(KEY) == folder and len(waits) == 2


@pytest.mark.parametrize("number", [*FLEETING, errno.EACCES])
def test_search_keeps_what_it_knew_of_a_store_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    index, silent = StoreIndex(PhaseStore(tmp_path)), Silent(monkeypatch, number)
    (tmp_path / f"nli--{KEY}").mkdir()
    assert index.refresh() == {KEY}
    (tmp_path / "squad--fedcba9876543210").mkdir()
    silent.left = 1
    assert index.refresh() == set() and index.has(KEY)
    assert index.refresh() == {"fedcba9876543210"}


def test_phase_that_comes_within_the_tick_of_a_coarse_clock_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.search.index.TICK", 600_000_000_000)
    index = StoreIndex(PhaseStore(tmp_path))
    (tmp_path / f"nli--{KEY}").mkdir()
    changed = tmp_path.stat().st_mtime_ns
    assert index.refresh() == {KEY}
    (tmp_path / "squad--fedcba9876543210").mkdir()
    os.utime(tmp_path, ns=(changed, changed))
    assert index.refresh() == {"fedcba9876543210"}


def test_claim_that_can_not_be_seen_counts_as_held_unless_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, index = FlakyDisk(tmp_path, monkeypatch), StoreIndex(PhaseStore(tmp_path))
    disk.fail({0}, errno.ESTALE)
    assert index.claimed(KEY)
    disk.fail({0}, errno.EACCES)
    with pytest.raises(StoreError):
        index.claimed(KEY)
    assert not index.claimed(KEY)
