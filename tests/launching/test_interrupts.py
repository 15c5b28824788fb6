"""Ctrl-C once asks a sweep to end as `sweep stop --now` does; twice, it ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from sweep.launching.interrupts import SIGNALS, insisting, interrupting
from sweep.options import LaunchOptions
from sweep.runfolder import open_run
from sweep.steering.requests import GRACE, LOOK, STOP, Request, StopRequest, is_stopping, read_request, write_options
from training.errors import StoreError


class Hands:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def request_of(tmp_path: Path) -> StopRequest:
    run = tmp_path / "run"
    open_run(run, "small")
    return StopRequest(run, write_options(run, LaunchOptions(grid="tiny", run=run)), Hands())


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_asks_and_the_second_ends_the_block(request_of: StopRequest, number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(KeyboardInterrupt), interrupting(request_of):
        assert request_of.admits()
        os.kill(os.getpid(), number)
        assert request_of.request == Request(launch=request_of.launch, now=True) and not request_of.admits()
        os.kill(os.getpid(), number)
        pytest.fail("the second signal ended nothing")
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_interrupt_that_an_import_swallowed_is_raised_before_trials_run(request_of: StopRequest) -> None:
    before = signal.getsignal(signal.SIGINT)
    with insisting():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("the signal was not raised")
        with pytest.raises(KeyboardInterrupt), interrupting(request_of):
            pytest.fail("trials ran")
    assert signal.getsignal(signal.SIGINT) == before
    with insisting(), interrupting(request_of):
        assert request_of.admits()


def test_running_trials_hear_of_an_interrupt_and_are_waited_for(request_of: StopRequest) -> None:
    clock = request_of.clock
    assert isinstance(clock, Hands)
    request_of.interrupted = True
    assert not request_of.must_end([True])  # asking is what tells them
    assert is_stopping(request_of.run) and read_request(request_of.run) == request_of.request
    clock.now += LOOK
    assert request_of.must_end([True]) and not request_of.must_end([True, False])
    clock.now += GRACE
    assert request_of.must_end([True, False])
    request_of.honoured()
    assert not (request_of.run / STOP).exists()


def test_interrupt_after_a_stop_in_its_own_time_is_more_urgent(request_of: StopRequest) -> None:
    clock = request_of.clock
    assert isinstance(clock, Hands)
    (request_of.run / STOP).write_text(f'{{"launch": "{request_of.launch}", "now": false}}')
    assert request_of.request == Request(launch=request_of.launch, now=False)
    request_of.interrupted = True
    assert request_of.request == Request(launch=request_of.launch, now=True)
    clock.now += LOOK
    assert request_of.must_end([True])


def test_interrupt_is_heard_where_nothing_can_be_written(request_of: StopRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr("sweep.steering.requests.write_atomically", full)
    request_of.interrupted = True
    assert not request_of.admits()
