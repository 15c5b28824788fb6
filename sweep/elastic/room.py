"""Room on nodes that come and go: a leg is handed out when there is a place, and what found none is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweep.planning.room import Machine, Room
from sweep.search.board import Ask


@dataclass
class ChangingRoom(Room):
    """A gate over the nodes that are up now; `renew` tells it of others."""

    turned_away: set[str] = field(default_factory=set, init=False)
    """Legs that found no place since the nodes last changed."""
    _running: dict[str, Ask] = field(default_factory=dict, init=False, repr=False)
    _shape: list[tuple[float, int]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        """Note the nodes that there are."""
        self._shape = _shape(self.machines)

    @property
    def homeless(self) -> int:
        """How many running legs have no place: their nodes are gone, or will be."""
        return len(self._running) - len(self._taken)

    def admits(self, ask: Ask) -> bool:
        """Whether there is a place."""
        found = super().admits(ask)
        (self.turned_away.discard if found else self.turned_away.add)(ask.leg)
        return found

    def started(self, ask: Ask) -> None:
        """A leg takes its place."""
        self._running[ask.leg] = ask
        super().started(ask)

    def ended(self, ask: Ask) -> None:
        """A leg is over."""
        super().ended(ask)
        self._running.pop(ask.leg, None)
        self.turned_away.clear()
        self._settle()

    def renew(self, machines: list[Machine]) -> bool:
        """Take in the nodes that are up now, with nothing on them; whether they are others than before.

        Running legs get their places first, in the order in which they were started.
        """
        shape = _shape(machines)
        if shape == self._shape:
            return False
        self.machines, self._shape = machines, shape
        self._taken.clear()
        self._kept, self._keeper = None, ""
        self.turned_away.clear()
        self._settle()
        return True

    def _settle(self) -> None:
        for leg, ask in self._running.items():
            if leg not in self._taken:
                super().started(ask)


def _shape(machines: list[Machine]) -> list[tuple[float, int]]:
    """Of which kinds machines without work are, whatever their order."""
    return sorted((machine.cpu, len(machine.gpus)) for machine in machines)
