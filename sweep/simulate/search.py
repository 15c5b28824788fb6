"""The sweep's own search as a source of simulated work: the real board, studies and journal, with scores from curves.

The search is asked, told, and opened again after a death as a launch does it: from the records, the trials that wait at a rung,
and the store. What it costs is the processor time of this thread, kept apart by what it was for.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from optuna.storages import InMemoryStorage

from sweep.planning.plan import Plan
from sweep.planning.studies import Setting
from sweep.records import waiting_trials
from sweep.search.board import Ask, Board, Gate
from sweep.search.settle import settle
from sweep.simulate.curves import Curves
from sweep.simulate.engine import SimulatedStore
from sweep.simulate.work import Pace, Work, pieces_of
from training.record import (
    RECORD_SCHEMA,
    RungScore,
    Selection,
    Status,
    TrialRecord,
    paused_path,
    read_records,
    write_paused,
    write_record,
)

STEPS = 1000
"""Steps of a simulated phase, for the records of its rungs."""


@dataclass
class ControllerTime:
    """Processor seconds of the controller, by what they went into, and how often."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count what is done inside."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self.seconds[what] += time.thread_time() - begun
            self.calls[what] += 1

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.seconds.values())


@dataclass
class SearchSource:
    """The board over a plan whose run folder `plan.run` is really written; `store` is the engine's.

    A share `diverge` of the trials ends with a failed record. `storage` is Optuna's, in memory. `dies` is asked when a record
    was written and the board does not know of it yet; where it says so, the board is never told. `now` is virtual time.
    """

    plan: Plan
    curves: Curves
    pace: Pace
    store: SimulatedStore
    seed: int = 0
    diverge: float = 0.0
    gates: tuple[Gate, ...] = ()
    storage: Any = field(default_factory=InMemoryStorage)
    controller: ControllerTime = field(default_factory=ControllerTime)
    ends: Counter[Status] = field(default_factory=Counter)
    dies: Callable[[], bool] = field(default=lambda: False)
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Open the board, as a launch does."""
        with self.controller.of("open"):
            waiting, _ = waiting_trials(self.plan.run)
            records = read_records(self.plan.run)
            self.board = Board.open(
                self.plan, self.storage, records, waiting, index=self.store, seconds=self.pace.node, gates=self.gates
            )
            self.board.clock = self.now
        self._settle()

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.board.finished

    def next(self) -> Work | None:
        """The leg to start now."""
        with self.controller.of("next"):
            ask = self.board.next()
        if ask is None:
            return None
        return Work(ask.leg, ask.name, pieces_of(ask.nodes, ask.until, self.pace, ask.spec))

    def committed(self, key: str) -> None:
        """A piece is in the store."""
        with self.controller.of("committed"):
            self.board.committed(key)

    def busy(self, work: Work) -> bool:
        """Give a leg back to the board, which offers it again later."""
        self.board.busy(work.name)
        return True

    def ended(self, work: Work) -> None:
        """Leave what a worker leaves of its leg, and tell the board."""
        ask = self.board.running[work.name]
        diverged = self._diverges(ask)
        score = None if diverged else self.curves.score(ask.spec, ask.setting, ask.seed, ask.until)
        if ask.rung is not None and score is not None:
            with self.controller.of("journal"):
                write_paused(self.plan.run, self._record(ask, Status.PAUSED, score, self._rungs(ask, score)))
            if self.dies():
                return
            with self.controller.of("told"):
                self.board.at_rung(work.name, score)
        else:
            status = Status.FAILED if score is None else Status.FINISHED
            with self.controller.of("journal"):
                write_record(self.plan.run, self._record(ask, status, score, self._rungs(ask, None)))
                paused_path(self.plan.run, ask.name).unlink(missing_ok=True)
            self.ends[status] += 1
            if self.dies():
                return
            with self.controller.of("told"):
                self.board.finish(work.name, score)
        self._settle()

    def best(self) -> float:
        """Mean over studies of the best score on the first seed."""
        lead = self.plan.grid.seeds[0]
        scores = (
            max((score for (_, seed), score in book.scores.items() if seed == lead and score is not None), default=0.0)
            for book in self.board.books
        )
        return fmean(scores)

    def chosen(self) -> dict[str, float]:
        """By pair, what the setting is worth that would be chosen: the best mean of those that have every seed."""
        worth = {}
        for book in self.board.books:
            means = []
            for number in range(len(book.settings)):
                scores = [book.scores.get((number, seed)) for seed in self.plan.grid.seeds]
                known = [score for score in scores if score is not None]
                if len(known) == len(scores):
                    means.append((fmean(known), -number))
            if means:
                setting = book.setting(-max(means)[1])
                worth[book.spec.name] = self.curves.expected(book.spec, setting)
        return worth

    def settings(self) -> dict[str, list[Setting]]:
        """The settings that were asked for, by the label of their study."""
        return {book.spec.label: book.settings for book in self.board.books}

    def _settle(self) -> None:
        with self.controller.of("journal"):
            self.ends[Status.STOPPED] += len(settle(self.board))

    def _diverges(self, ask: Ask) -> bool:
        """Whether a setting diverges; the same for every leg of a trial."""
        if not self.diverge:
            return False
        return random.Random(f"{self.seed}/{ask.name}/diverges").random() < self.diverge

    def _rungs(self, ask: Ask, score: float | None) -> tuple[RungScore, ...]:
        """The scores at rungs that a trial has passed, and this one."""
        stopping = self.plan.grid.search.stopping
        shares = stopping.rungs if stopping else ()
        reached = ask.rung if ask.rung is not None else len(shares)
        if not shares:
            return ()
        known = self.board.book_of(ask).rungs.get(ask.number, {}) if ask.seed == self.plan.grid.seeds[0] else {}
        passed = {rung: value for rung, value in known.items() if rung < reached}
        if score is not None and ask.rung is not None:
            passed[ask.rung] = score
        return tuple(
            RungScore(rung=rung, step=round(STEPS * shares[rung]), steps=STEPS, score=value)
            for rung, value in sorted(passed.items())
        )

    def _record(self, ask: Ask, status: Status, score: float | None, rungs: tuple[RungScore, ...]) -> TrialRecord:
        chosen = None
        if score is not None:
            chosen = Selection(task=ask.spec.group, split="dev", language="en", metric="score", score=score)
        return TrialRecord(
            schema=RECORD_SCHEMA,
            trial=ask.name,
            chain="",
            grid=self.plan.grid.name,
            model=ask.spec.model,
            intermediate=ask.spec.intermediate.name,
            targets=ask.spec.targets,
            study=ask.spec.label,
            number=ask.number,
            seed=ask.seed,
            status=status,
            hyperparameters=dict(ask.setting),
            selection=chosen,
            rungs=rungs,
            reason="" if score is not None else "the simulated loss is not finite",
        )
