"""Ctrl-C while trials run: once ends the sweep as `sweep stop --now` does, twice ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from sweep.steering.requests import StopRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems and service managers send some time before they kill."""


class _Insisting:
    """A handler that raises KeyboardInterrupt and knows that it did: an import that loads C code may swallow one."""

    heard = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.heard = True
        raise KeyboardInterrupt


@contextlib.contextmanager
def insisting() -> Iterator[None]:
    """Inside the block a Ctrl-C that something swallowed before trials run is raised again where `interrupting` begins."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _Insisting())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def interrupting(request: StopRequest) -> Iterator[None]:
    """Inside the block the first signal asks the sweep to end, and the second raises KeyboardInterrupt.

    Raises it at once where `insisting` heard a signal before. Nothing is done outside the main thread, where Python takes
    no signals.
    """

    def heard(number: int, frame: FrameType | None) -> None:
        if request.interrupted:
            raise KeyboardInterrupt
        request.interrupted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.getsignal(signal.SIGINT)
    if isinstance(earlier, _Insisting) and earlier.heard:
        raise KeyboardInterrupt
    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
