"""A machine that is about to be taken away says so, and what is trained is saved in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sweep.elastic import preemption
from sweep.elastic.preemption import Notice, noticing


def test_notice_comes_for_this_node_only() -> None:
    draining = {"other": 5000}
    notice = Notice("mine", lambda: draining)
    notice.look()
    assert not notice.given()
    draining["mine"] = 9000
    notice.look()
    assert notice.given() and notice.taken and notice.deadline == 9.0


def test_cluster_that_does_not_answer_gives_no_notice() -> None:
    def broken() -> dict[str, int]:
        raise ConnectionError

    notice = Notice("mine", broken)
    notice.look()
    assert not notice.taken


def test_notice_is_heard_by_a_thread_while_training() -> None:
    drained = threading.Event()
    notice = Notice("mine", lambda: {"mine": 0} if drained.is_set() else {}, interval=0.01)
    with noticing(notice):
        assert not notice.given()
        drained.set()
        until = time.monotonic() + 10
        while not notice.given():
            assert time.monotonic() < until


def test_process_that_is_asked_to_end_waits_for_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preemption, "GRACE", 600.0)
    notice, saved = Notice(), threading.Event()

    def train() -> None:
        with notice.training():
            while not notice.given():
                time.sleep(0.001)
            saved.set()
            notice.given()
            time.sleep(60)

    threading.Thread(target=train, daemon=True).start()
    while not notice._training.is_set():
        time.sleep(0.001)
    notice.before_exit()
    assert saved.is_set()


def test_process_that_trains_nothing_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preemption, "GRACE", 600.0)
    Notice().before_exit()


def test_sigterm_lets_the_training_thread_save_before_the_process_ends(tmp_path: Path) -> None:
    """As in a Ray worker: the main thread leaves by SystemExit, training runs in a daemon thread."""
    code = """
        import signal, sys, threading, time
        from sweep.elastic.preemption import Notice, noticing
        saved = sys.argv[1]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        def train():
            with noticing(Notice("", dict)) as notice, notice.training():
                print("begun", flush=True)
                while not notice.given():
                    time.sleep(0.01)
                time.sleep(0.5)
                with open(saved, "w") as stream:
                    stream.write("checkpoint")
        threading.Thread(target=train, daemon=True).start()
        time.sleep(60)
    """
    saved = tmp_path / "saved"
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(saved)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) == 1
    assert saved.read_text() == "checkpoint"
