"""Virtual time: events in the order of their times, and of their making where times are equal; no event is ever slept for."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at a time, unless it is cancelled; `number` decides between equal times."""

    time: float
    number: int
    happens: Callable[[], None] = field(compare=False)


class Clock:
    """Seconds of virtual time since the start. Times run forward only, and the same events always come in the same order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()
        self._cancelled: set[int] = set()

    def after(self, seconds: float, happens: Callable[[], None]) -> Event:
        """Have something happen so many seconds (0 or more) from now."""
        event = Event(self.now + max(0.0, seconds), next(self._numbers), happens)
        heapq.heappush(self._events, (event.time, event.number, event))
        return event

    def cancel(self, event: Event) -> None:
        """Have an event that has not happened yet not happen."""
        self._cancelled.add(event.number)

    def step(self) -> bool:
        """Go to the next event and let it happen; False when there is none."""
        while self._events:
            _, _, event = heapq.heappop(self._events)
            if event.number in self._cancelled:
                self._cancelled.discard(event.number)
                continue
            self.now = event.time
            event.happens()
            return True
        return False
