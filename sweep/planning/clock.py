"""A clock that shows the time of day and that nobody can set while it is used."""

from __future__ import annotations

import time


class SteadyClock:
    """Seconds since the epoch, as the machine's clock had them when this one was made, counted on by one that is never set.

    Durations and deadlines then hold whatever happens to the machine's clock: a correction, summer time, a suspended machine.
    """

    def __init__(self) -> None:
        self._epoch, self._began = time.time(), time.monotonic()

    def __call__(self) -> float:
        """The time now."""
        return self._epoch + time.monotonic() - self._began
