"""A sweep that is struck again and again until its list of strokes is used up, and then runs to its end."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from sweep.launching.experiment import OVERLOADED
from tests.crash.orders import Stroke, Witness
from tests.sweep.launches import PATIENCE, Launch, begin, end_session, eventually

AWAY = 20
"""Events for which a database stays locked, or a server away."""
FATAL = ("driver", "head")
"""Victims that take the launch with them."""


class Servers(Protocol):
    """What a sweep stands on besides its own processes: a Ray cluster, a database server."""

    environment: dict[str, str]

    def launch(self, cache: Path, log: Path, words: list[str], witness: Witness, number: str) -> Launch:
        """Start `sweep WORDS...`, the launch of this number, with the witness looking on."""

    def victims(self, stroke: Stroke) -> list[int]:
        """The processes that a stroke kills."""

    def mend(self, stroke: Stroke) -> None:
        """Bring back what a stroke has killed."""


class Alone:
    """No servers: Ray is started by the launch, the databases are files."""

    environment: dict[str, str] = {}  # noqa: RUF012

    def launch(self, cache: Path, log: Path, words: list[str], witness: Witness, number: str) -> Launch:
        return begin(cache, log, *words, **witness.environment(number) | self.environment)

    def victims(self, stroke: Stroke) -> list[int]:
        return []

    def mend(self, stroke: Stroke) -> None:
        pass


@dataclass
class Tally:
    """What was done to sweeps so far: strokes by victim, and by (victim, event, how); launches; launches that storage ended."""

    victims: Counter[str] = field(default_factory=Counter)
    strokes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    launches: int = 0
    ended: int = 0


@dataclass
class Disturbed:
    """One sweep in the folder `run`, and the strokes that are still to come, which several sweeps may share."""

    run: Path
    grid: Path
    cache: Path
    strokes: list[Stroke]
    tally: Tally
    witness: Witness
    servers: Servers = field(default_factory=Alone)
    launches: list[Launch] = field(default_factory=list)

    def survive(self) -> None:
        """Give the same command until the sweep is complete; fails where a launch ends in any other way than it should."""
        while True:
            launch, before = self._begin(), self.tally.victims.copy()
            try:
                lost = self._strike(launch)
                code = launch.wait()
            except BaseException:
                self._end_all()
                raise
            self.witness.withdraw()
            struck = self.tally.victims - before
            if not lost and code and OVERLOADED in launch.said:
                continue
            assert "Traceback" not in launch.said or lost == "head", launch.said
            if lost:
                continue
            if code and struck["store"]:
                self.tally.ended += 1
                continue
            assert code == 0, f"exit {code} after {dict(struck)}: {launch.said}"
            for each in self.launches:
                eventually(partial(_is_gone, each), "the end of every process", 120)
            return

    def _begin(self) -> Launch:
        number = str(len(self.launches))
        log = self.run.with_name(f"{self.run.name}-{number}.log")
        words = ["launch", "--grid", str(self.grid), "--run", str(self.run)]
        self.launches.append(self.servers.launch(self.cache, log, words, self.witness, number))
        self.tally.launches += 1
        return self.launches[-1]

    def _strike(self, launch: Launch) -> str:
        """Have one stroke after the other happen while a launch runs; returns the victim that took it with it, or nothing."""
        while self.strokes and launch.process.poll() is None:
            stroke = self.strokes[0]
            self._order(stroke, launch)
            _until(lambda: not self.witness.pending or launch.process.poll() is not None)
            if self.witness.pending:
                return ""
            self._done(stroke, launch)
            if stroke.victim in FATAL:
                _until(lambda: launch.process.poll() is not None)
                self.servers.mend(stroke)
                return stroke.victim
        return ""

    def _order(self, stroke: Stroke, launch: Launch) -> None:
        own = "RAY_ADDRESS" not in self.servers.environment  # workers of a cluster know nothing of the launch
        kill = [launch.process.pid] if stroke.victim == "driver" else self.servers.victims(stroke)
        name = str(len(self.launches) - 1) if own else ""
        self.witness.give(stroke, self.run, name, launch.process.pid, kill)

    def _done(self, stroke: Stroke, launch: Launch) -> None:
        self.strokes.pop(0)
        self.tally.victims[stroke.victim] += 1
        self.tally.strokes[stroke.victim, stroke.event, stroke.how] += 1
        if stroke.how.startswith("lock"):
            self._lock(self.run / stroke.how.split()[1], launch)
        if stroke.victim == "server":
            self._go_on(launch)
            self.servers.mend(stroke)

    def _lock(self, path: Path, launch: Launch) -> None:
        """Hold the write lock of a database until the sweep has gone on for a while."""
        if not path.exists():
            return
        with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as other:
            with contextlib.suppress(sqlite3.OperationalError):
                other.execute("begin exclusive")
            self._go_on(launch)

    def _go_on(self, launch: Launch) -> None:
        """Wait until the sweep has gone on for a while, or ended."""
        until = self.witness.count() + AWAY
        _until(lambda: self.witness.count() >= until or launch.process.poll() is not None)

    def _end_all(self) -> None:
        for launch in self.launches:
            end_session(launch)


def _until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "the sweep stands still"
        time.sleep(0.02)


def _is_gone(launch: Launch) -> bool:
    return not launch.family()
