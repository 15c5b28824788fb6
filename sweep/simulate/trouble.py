"""Trouble for a simulated sweep beyond its machines: deaths of the controller, a lost database, a store that loses phases.

Everything is drawn from one seed, so a run that went wrong is replayed by its seed. `audit` says what must hold however often
things died: every trial has one record, and nothing was trained twice but what had been lost.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from optuna.storages import InMemoryStorage

from sweep.simulate.cluster import HOUR
from sweep.simulate.engine import Engine
from sweep.simulate.search import SearchSource
from training.record import RUNGS, read_records

AGAIN = 60.0
"""Seconds after which the controller asks the board again though nothing has ended, as Tune does all the time."""
TOLERANCE = 1e-6
"""Seconds by which sums of durations may differ."""


@dataclass
class Trouble:
    """Events an hour of virtual time: `deaths` of the controller with all that it runs, and phases that the store `loses`.

    A share `between` of the legs ends in a death after its record was written and before the search was told; a share
    `databases` of the deaths takes Optuna's studies with it.
    """

    engine: Engine
    source: SearchSource
    seed: int
    deaths: float = 0.0
    loses: float = 0.0
    between: float = 0.0
    databases: float = 0.3
    died: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"{self.seed}/trouble")
        self.source.dies = self._dies_here
        self._repeat(self.deaths, self._die)
        self._repeat(self.loses, self._lose)
        self._ask_again()

    def _repeat(self, rate: float, happens: Callable[[], None]) -> None:
        if rate:
            self.engine.clock.after(self._dice.expovariate(rate) * HOUR, lambda: self._happen(rate, happens))

    def _happen(self, rate: float, happens: Callable[[], None]) -> None:
        happens()
        self._repeat(rate, happens)

    def _ask_again(self) -> None:
        self.engine.ask_again()
        self.engine.clock.after(AGAIN, self._ask_again)

    def _dies_here(self) -> bool:
        """Whether the controller dies at this very moment; then it is opened again at once."""
        if self._dice.random() >= self.between:
            return False
        self._die()
        return True

    def _die(self) -> None:
        self.died += 1
        self.engine.lose_everything()
        if self._dice.random() < self.databases:
            self.source.storage = InMemoryStorage()
        self.source.open()

    def _lose(self) -> None:
        keys = sorted(self.engine.store.keys)
        if keys:
            self.lost += 1
            self.engine.forget(self._dice.choice(keys))


def audit(engine: Engine, source: SearchSource) -> list[str]:
    """Faults of a simulated sweep that has ended; none where everything was done exactly once."""
    return [*_records_wrong(source), *_training_wrong(engine)]


def _records_wrong(source: SearchSource) -> list[str]:
    records = read_records(source.plan.run)
    written = sum(source.ends.values())
    wrong = [] if written == len(records) else [f"{written} records were written, and {len(records)} are there"]
    places = Counter((record.study, record.number, record.seed) for record in records)
    wrong += [f"two records of {place}" for place, count in places.items() if count > 1]
    left = sorted(path.stem for path in (source.plan.run / RUNGS).glob("*.json"))
    return wrong + [f"{name} still waits at a rung" for name in left]


def _training_wrong(engine: Engine) -> list[str]:
    """What was trained, less what was lost, must be what is held of it: in checkpoints, and each piece of the store once."""
    account, wrong = engine.account, []
    held: defaultdict[str, float] = defaultdict(float)
    for place, trained in account.trained.items():
        net, kept = trained - account.lost[place], engine.checkpoints.get(place)
        if kept is None:
            held[place[1]] += net
        elif not math.isclose(net, kept, abs_tol=TOLERANCE):
            wrong.append(f"{net:.3f} s of {place[1]} were trained in {place[0]}, and its checkpoint holds {kept:.3f} s")
    for key, net in held.items():
        whole = account.whole[key] if engine.store.has(key) else 0.0
        if not math.isclose(net, whole, abs_tol=TOLERANCE):
            wrong.append(f"{net:.3f} s of {key} were trained, and the store holds {whole:.3f} s")
    return wrong
