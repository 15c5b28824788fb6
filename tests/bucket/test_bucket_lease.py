"""One launch at a time has a run folder's files in a bucket, as far as that can be seen."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.bucket import lease
from sweep.bucket.lease import LEASE, leased, read_lease
from tests.bucket.machines import folder, objects
from tests.sweep.launches import eventually
from tests.training.bucket import Server
from training.errors import UserError
from training.stores.objects import ObjectStore


@pytest.fixture
def interrupts() -> Iterator[list[int]]:
    """Interrupts that came."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGINT, before)


def left_by(run: Path, place: str, count: int = 3) -> None:
    """A launch that was killed has left this."""
    objects(run).write(
        LEASE, json.dumps({"holder": "process 1 on away", "place": place, "launch": "x", "count": count}).encode()
    )


def test_second_launch_elsewhere_is_refused_and_named_the_holder(bucket: Server, tmp_path: Path, interrupts: list[int]) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    with leased(objects(one), one) as lost:
        with pytest.raises(UserError, match="a launch elsewhere goes on"), leased(objects(other), other):
            pass
        assert not lost.is_set() and interrupts == []
    with leased(objects(other), other):
        pass
    assert read_lease(objects(one)) is None


def test_launch_that_ends_while_a_count_is_being_written_leaves_none_behind(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begun, ended, write = folder(tmp_path), threading.Event(), threading.Event(), ObjectStore.write

    def slow(store: ObjectStore, name: str, content: bytes) -> None:
        if threading.current_thread().name == "lease":
            begun.set()
            ended.wait(60)
            time.sleep(3 * lease.INTERVAL)
        write(store, name, content)

    monkeypatch.setattr(ObjectStore, "write", slow)
    with leased(objects(run), run):
        assert begun.wait(60)
        ended.set()
    assert read_lease(objects(run)) is None
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_launch_that_is_dead_is_waited_for_and_taken_over(bucket: Server, tmp_path: Path) -> None:
    run = folder(tmp_path)
    left_by(run, "another kernel:/all")
    with leased(objects(run), run):
        seen = read_lease(objects(run))
        assert seen is not None and seen.launch != "x"


def test_bucket_that_hangs_longer_than_a_dead_launch_is_waited_for_makes_nobody_dead(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs for the launch that is watched as well, which goes on counting when it is back."""
    run, looks = folder(tmp_path), list[int]()

    def look(store: ObjectStore) -> lease.Lease | None:
        looks.append(len(looks))
        if len(looks) == 2:
            time.sleep(1.2 * lease.SILENT)
        seen = read_lease(store)
        if len(looks) > 2 and seen is not None and seen.launch == "x":  # else it was taken over, and would end
            left_by(run, "another kernel:/all", count=seen.count + 1)
        return seen

    left_by(run, "another kernel:/all")
    monkeypatch.setattr(lease, "read_lease", look)
    with pytest.raises(UserError, match="a launch elsewhere goes on"), leased(objects(run), run):
        pass


def test_launch_of_this_very_folder_is_known_to_be_dead(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder(tmp_path)
    with leased(objects(run), run):
        mine = read_lease(objects(run))
    assert mine is not None
    left_by(run, mine.place)
    monkeypatch.setattr(lease, "SILENT", 1e9)
    with leased(objects(run), run):
        pass


def test_of_two_that_begin_at_once_the_one_written_over_ends(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupts: list[int]
) -> None:
    """Both have found nothing before either wrote, and both have written before either reads."""
    both, wrote, write = threading.Barrier(2), threading.Barrier(2), lease._write

    def meet(objects: ObjectStore, mine: lease.Lease) -> None:
        write(objects, mine)
        if not mine.count:
            wrote.wait(60)

    monkeypatch.setattr(lease, "_refuse_counting", lambda objects, mine: both.wait(60))
    monkeypatch.setattr(lease, "_write", meet)
    ended: list[str] = []
    over = threading.Event()

    def launch(run: Path) -> None:
        try:
            with leased(objects(run), run):
                ended.append("ran")
                over.wait(60)
        except UserError:
            ended.append("refused")
            over.set()

    runs = [folder(tmp_path / name) for name in ("one", "other")]
    threads = [threading.Thread(target=launch, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(ended) == ["ran", "refused"] and interrupts == []


def test_launch_that_was_taken_over_is_interrupted(bucket: Server, tmp_path: Path, interrupts: list[int]) -> None:
    run = folder(tmp_path)
    with leased(objects(run), run) as lost:

        def taken() -> bool:
            left_by(run, "another kernel:/all")  # again: a count under way may write over one
            return lost.wait(0.1)

        eventually(taken, "the loss", 60)
        eventually(lambda: interrupts, "the interrupt", 60)
    seen = read_lease(objects(run))
    assert seen is not None and seen.launch == "x"


def test_launch_counts_on_through_a_server_that_is_away(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupts: list[int]
) -> None:
    monkeypatch.setattr("training.stores.objects.WAITS", (0.0,))
    run = folder(tmp_path)
    with leased(objects(run), run) as lost:
        bucket.stop()
        try:
            assert not lost.wait(0.5)
        finally:
            bucket.start()
        before = read_lease(objects(run))
        eventually(lambda: read_lease(objects(run)) != before, "another count", 60)
    assert not lost.is_set() and interrupts == []
