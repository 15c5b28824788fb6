"""Ctrl-C while trials run: once ends the sweep as `sweep stop --now` does, twice ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from sweep.steer import StopRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what batch systems and service managers send some time before they kill."""


@contextlib.contextmanager
def interrupting(request: StopRequest) -> Iterator[None]:
    """Inside the block the first signal asks the sweep to end, and the second raises KeyboardInterrupt.

    Nothing is done outside the main thread, where Python takes no signals.
    """

    def heard(number: int, frame: FrameType | None) -> None:
        if request.interrupted:
            raise KeyboardInterrupt
        request.interrupted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
