from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweep.tracking import MirrorQueue, open_tracker, sync
from tests.reports.builders import record
from training.record import TrialRecord, write_record

TRIALS = [record("mnli", {"xnli": 71.0}, number=number) for number in range(3)]


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def closed_server() -> Iterator[str]:
    """The address of a port that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://reader:secret@127.0.0.1:{held.getsockname()[1]}"


class Fake:
    """A tracker that fails as told, and remembers."""

    run_folder = Path("runs/all")

    def __init__(self, failing: bool = False) -> None:
        self.failing, self.got, self.finished = failing, list[str](), False
        self.summarised, self.undrawn = False, False
        self.hold = threading.Event()
        self.hold.set()

    def mirror(self, trial: TrialRecord) -> bool:
        self.hold.wait(60)
        if self.failing:
            raise RuntimeError("postgresql://sweep:secret@db/mlflow refused")
        self.got.append(trial.trial)
        return True

    def finish(self) -> None:
        self.finished = True

    def summarise(self) -> None:
        self.summarised = True
        if self.undrawn:
            raise RuntimeError("no picture of postgresql://sweep:secret@db/mlflow")


def test_records_are_mirrored_when_closed(run_folder: Path) -> None:
    warned: list[str] = []
    queue = MirrorQueue(open_tracker(run_folder), warned.append)
    for trial in TRIALS:
        queue.put(trial)
        write_record(run_folder, trial)
    assert queue.close() == () and warned == []
    assert len(sync(run_folder).already) == 3


def test_server_that_is_down_warns_once_quickly_and_sync_fills_in_later(run_folder: Path, closed_server: str) -> None:
    warned: list[str] = []
    begun = time.monotonic()
    queue = MirrorQueue(open_tracker(run_folder, closed_server), warned.append)
    for trial in TRIALS:
        write_record(run_folder, trial)
        queue.put(trial)
    left = queue.close(timeout=200)
    assert time.monotonic() - begun < 60
    assert [trial for trial, _ in left] == [trial.trial for trial in TRIALS]
    (line,) = warned
    assert f"sweep sync --run {run_folder}" in line
    assert not any("secret" in text for text in (line, *(reason for _, reason in left)))
    down = sync(run_folder, closed_server)
    assert len(down.failed) == 3 and "secret" not in repr(down)
    assert len(sync(run_folder).mirrored) == 3


def test_any_error_is_kept_from_the_sweep_and_shows_no_password() -> None:
    warned: list[str] = []
    queue = MirrorQueue(Fake(failing=True), warned.append)
    for trial in TRIALS:
        queue.put(trial)
    assert len(queue.close()) == 3
    assert len(warned) == 1 and "secret" not in warned[0] and "***" in warned[0]


def test_page_that_can_not_be_drawn_is_a_warning_after_the_last_trial() -> None:
    fake, warned = Fake(), list[str]()
    fake.undrawn = True
    queue = MirrorQueue(fake, warned.append)
    queue.put(TRIALS[0])
    assert queue.close() == () and fake.finished and fake.got == [TRIALS[0].trial]
    (line,) = warned
    assert "table and picture" in line and "sweep sync --run runs/all" in line and "secret" not in line


def test_page_is_not_touched_while_trials_are_missing() -> None:
    fake = Fake(failing=True)
    queue = MirrorQueue(fake, lambda line: None)
    queue.put(TRIALS[0])
    assert len(queue.close()) == 1 and not fake.finished and not fake.summarised


def test_what_was_missed_is_tried_again_at_the_end() -> None:
    fake = Fake(failing=True)
    warned = threading.Event()
    queue = MirrorQueue(fake, lambda _: warned.set())
    queue.put(TRIALS[0])
    assert warned.wait(60)
    fake.failing = False
    queue.put(TRIALS[1])
    assert queue.close() == () and fake.finished
    assert sorted(fake.got) == [TRIALS[0].trial, TRIALS[1].trial]


def test_close_gives_up_after_its_time_and_names_what_is_left() -> None:
    fake = Fake()
    fake.hold.clear()
    warned: list[str] = []
    queue = MirrorQueue(fake, warned.append)
    for trial in TRIALS:
        queue.put(trial)
    assert queue.close(timeout=0.1) == tuple((trial.trial, "not mirrored in time") for trial in TRIALS)
    assert len(warned) == 1
    fake.hold.set()


def test_what_was_missed_is_made_up_for_while_nothing_new_comes_and_said() -> None:
    fake, warned = Fake(failing=True), list[str]()
    queue = MirrorQueue(fake, warned.append, pause=0.05)
    for trial in TRIALS:
        queue.put(trial)
    eventually(lambda: len(queue.failed) == 3)
    fake.failing = False
    eventually(lambda: queue.failed == () and len(warned) == 2)
    assert sorted(fake.got) == [trial.trial for trial in TRIALS] and "back" in warned[1]
    fake.failing = True
    queue.put(TRIALS[0])
    eventually(lambda: len(warned) == 3)
    fake.failing = False
    assert queue.close() == () and fake.finished


@pytest.mark.slow
def test_database_that_is_locked_for_a_while_gets_every_trial_later(run_folder: Path) -> None:
    warned: list[str] = []
    uri = f"sqlite:///{run_folder / 'mlflow.db'}?timeout=0.1"
    queue = MirrorQueue(open_tracker(run_folder, uri), warned.append, pause=0.2)
    queue.put(TRIALS[0])
    eventually(lambda: not queue._pending)
    with contextlib.closing(sqlite3.connect(run_folder / "mlflow.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        for trial in TRIALS[1:]:
            queue.put(trial)
        eventually(lambda: len(queue.failed) == 2)
        other.execute("rollback")
    eventually(lambda: queue.failed == ())
    for trial in TRIALS:
        write_record(run_folder, trial)
    assert queue.close() == ()
    assert "sweep sync" in warned[0] and "back" in warned[1] and len(warned) == 2
    assert len(sync(run_folder).already) == 3


@pytest.mark.slow
def test_database_that_is_removed_while_it_is_used_is_said_and_sync_makes_it_again(run_folder: Path) -> None:
    warned: list[str] = []
    queue = MirrorQueue(open_tracker(run_folder), warned.append)
    queue.put(TRIALS[0])
    eventually(lambda: not queue._pending)
    (run_folder / "mlflow.db").unlink()
    queue.put(TRIALS[1])
    assert [trial for trial, _ in queue.close()] == [TRIALS[1].trial]
    assert "removed or replaced" in warned[0] and "sweep sync" in warned[0]
    for trial in TRIALS:
        write_record(run_folder, trial)
    sweep = Path(sys.executable).with_name("sweep")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [str(sweep), "sync", "--run", str(run_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(run_folder / "mlflow.db")) as database:
        ((count,),) = database.execute("select count(*) from tags where key = 'sweep.digest'")
    assert count == 3
