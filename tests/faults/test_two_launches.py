"""Two launches on one run folder where the lock of one machine is not seen by the other."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sweep import heartbeat
from sweep.heartbeat import HEARTBEAT, read_beat
from sweep.runfolder import hold
from training.errors import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.02)
    monkeypatch.setattr(heartbeat, "SILENT", 0.5)


def beat_elsewhere(run: Path, count: int, launch: str = "theirs") -> None:
    said = {"holder": "process 7 on other", "kernel": "another", "launch": launch, "count": count}
    whole = run / "beat"
    whole.write_text(json.dumps(said))
    whole.replace(run / HEARTBEAT)


class Elsewhere:
    """A launch on another machine, whose lock is not seen here."""

    def __init__(self, run: Path) -> None:
        self.run, self.ended = run, threading.Event()
        beat_elsewhere(run, 0)
        self.thread = threading.Thread(target=self._beat, daemon=True)
        self.thread.start()

    def _beat(self) -> None:
        count = 0
        while not self.ended.wait(0.02):
            count += 1
            beat_elsewhere(self.run, count)

    def end(self) -> None:
        self.ended.set()
        self.thread.join()


def test_launch_on_another_machine_is_noticed_and_left_alone(tmp_path: Path) -> None:
    other = Elsewhere(tmp_path)
    try:
        with pytest.raises(UserError, match="on another machine") as refused, hold(tmp_path):
            pass
        assert "process 7 on other" in str(refused.value)
    finally:
        other.end()


def test_launch_that_was_killed_on_another_machine_is_taken_over_after_a_while(tmp_path: Path) -> None:
    beat_elsewhere(tmp_path, 41)
    begun = time.monotonic()
    with hold(tmp_path):
        assert time.monotonic() - begun >= 0.5
        seen = heartbeat._first_beat(tmp_path)
        assert seen is not None and seen.holder.startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / HEARTBEAT).exists()


def test_storage_that_hangs_longer_than_a_dead_launch_is_waited_for_makes_nobody_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs for the launch that is watched as well, which goes on counting when it is back."""
    looks: list[Path] = []

    def look(run: Path) -> heartbeat.Beat | None:
        looks.append(run)
        if len(looks) == 2:
            time.sleep(1.2 * heartbeat.SILENT)
        if len(looks) > 2:
            beat_elsewhere(run, len(looks))
        return read_beat(run)

    beat_elsewhere(tmp_path, 0)
    monkeypatch.setattr(heartbeat, "read_beat", look)
    with pytest.raises(UserError, match="on another machine"):
        heartbeat.refuse_beating(tmp_path)


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"holder": 1}'])
def test_damaged_sign_of_life_and_one_of_this_machine_are_not_waited_for(
    tmp_path: Path, left: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / HEARTBEAT).write_bytes(left)
    with hold(tmp_path):
        pass
    with hold(tmp_path):
        mine = heartbeat._first_beat(tmp_path)
        assert mine is not None
    (tmp_path / HEARTBEAT).write_text(json.dumps({**vars(mine), "count": 3}))
    with hold(tmp_path):
        pass
    assert "watching whether" not in caplog.text


def test_holder_counts_up_while_it_holds(tmp_path: Path) -> None:
    with hold(tmp_path):
        until = time.monotonic() + 20
        while (read_beat(tmp_path) or heartbeat.Beat("", "", "", 0)).count < 3:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_launch_whose_folder_was_taken_over_ends_as_by_an_interrupt_and_leaves_the_others_sign(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), hold(tmp_path):
            for _ in range(1000):  # a beat under way may write over one
                beat_elsewhere(tmp_path, 0)
                time.sleep(0.05)
    finally:
        signal.signal(signal.SIGINT, before)
    seen = read_beat(tmp_path)
    assert seen is not None and seen.launch == "theirs"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(stream: Any, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UserError, match="has no locks"), hold(tmp_path):
        pass
