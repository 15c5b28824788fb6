"""What the search is measured against: a plain queue of whole chains, first come first served.

* Its settings are those that the sweep's own search tried without early stopping, all known beforehand: nothing waits for a
  score, which flatters it.
* `shared` off: every trial trains all of its phases, as a Tune function that runs a chain does. `shared` on: trials take phases
  from one store, but start in the order of the grid, and one whose phase another trains waits for it with its GPU held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sweep.planning.plan import Plan, trial_name
from sweep.planning.studies import Setting
from sweep.simulate.work import Pace, Work, pieces_of


@dataclass
class QueueSource:
    """All trials of a plan in the order of its grid, none of them stopped early; `settings` are by the label of the study."""

    plan: Plan
    pace: Pace
    settings: Mapping[str, Sequence[Setting]]
    shared: bool
    _left: deque[Work] = field(default_factory=deque, init=False, repr=False)

    def __post_init__(self) -> None:
        self._left.extend(self._trials())

    @property
    def finished(self) -> bool:
        """Whether every trial was handed out."""
        return not self._left

    def next(self) -> Work | None:
        """The next trial."""
        return self._left.popleft() if self._left else None

    def committed(self, key: str) -> None:
        """Nothing waits for anything here."""

    def ended(self, work: Work) -> None:
        """Nothing follows from a score here."""

    def busy(self, work: Work) -> bool:
        """A trial waits with its GPU held."""
        return False

    def _trials(self) -> Iterator[Work]:
        for spec in self.plan.studies:
            for number, setting in enumerate(self.settings[spec.label]):
                for seed in self.plan.grid.seeds:
                    chain = self.plan.chain(spec, setting, seed)
                    name = trial_name(spec, number, seed, chain)
                    apart = "" if self.shared else f"{name}/"
                    nodes = self.plan.nodes_of(spec, chain)
                    yield Work(name, name, pieces_of(nodes, 1.0, self.pace, spec, apart=apart))
