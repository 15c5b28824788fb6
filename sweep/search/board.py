"""The search over all pairs: many Optuna studies under one Tune experiment.

Tune asks for the next trial; the search answers with one whose phases are in the store or in nobody's hands, so that two trials
never train one phase and none waits for another with its resources held. When every open trial waits for a phase that is being
trained, it answers "not now", and Tune asks again when something has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sweep.planning.plan import Plan, Setting, StudySpec, trial_name
from sweep.search.study import StudyBook, open_book
from training.record import TrialRecord


@dataclass(frozen=True)
class Ask:
    """A trial that could run: its study, its setting's number and values, its seed, its name, and the keys of its phases.

    `missing` are the phases that were not in the store when it was handed out.
    """

    spec: StudySpec
    number: int
    seed: int
    setting: Setting
    name: str
    phases: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass
class Board:
    """All studies of a plan, the trials that are running, and those that this launch has given up."""

    plan: Plan
    books: list[StudyBook]
    running: dict[str, Ask]
    given_up: set[str] = field(default_factory=set)
    _asks: dict[tuple[str, int, int], Ask] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def open(cls, plan: Plan, storage: Any, records: Iterable[TrialRecord], sweep: str = "") -> Board:
        """Open every study of the sweep with this id, and take up earlier records."""
        search, known = plan.grid.search, list(records)
        books = []
        for spec in plan.studies:
            book = open_book(
                spec,
                storage,
                wanted=plan.settings_of(spec),
                seeds=tuple(plan.grid.seeds),
                sampler=search.sampler,
                search_seed=search.seed,
                at_once=search.at_once,
                sweep=sweep,
            )
            book.restore(known)
            books.append(book)
        return cls(plan, books, {})

    @property
    def finished(self) -> bool:
        """Whether every trial of the plan has its score; a trial that was given up has none."""
        return not self.running and all(book.done for book in self.books)

    def next(self) -> Ask | None:
        """The trial to start now, or None when everything open waits for a running one, or nothing is left for this launch.

        Phases in the store come first (their trials are the cheapest way to a result), then the order of the grid.
        """
        stored = _stored(self.plan.store)
        busy = {key for ask in self.running.values() for key in ask.missing}
        best: Ask | None = None
        for ask in self._open():
            missing = tuple(key for key in ask.phases if key not in stored)
            if not busy.intersection(missing) and (best is None or len(missing) < len(best.missing)):
                best = replace(ask, missing=missing)
        if best is not None:
            self.running[best.name] = best
        return best

    def _open(self) -> Iterator[Ask]:
        for book in self.books:
            for number, seed, setting in book.open_trials():
                ask = self._ask(book.spec, number, seed, setting)
                if ask.name not in self.running and ask.name not in self.given_up:
                    yield ask

    def _ask(self, spec: StudySpec, number: int, seed: int, setting: Setting) -> Ask:
        place = (spec.label, number, seed)
        if place not in self._asks:
            chain = self.plan.chain(spec, setting, seed)
            self._asks[place] = Ask(spec, number, seed, setting, trial_name(spec, number, seed, chain), chain.phase_keys)
        return self._asks[place]

    def finish(self, name: str, score: float | None) -> None:
        """Note the end of a trial (None: it failed)."""
        ask = self.running.pop(name)
        book = next(book for book in self.books if book.spec is ask.spec)
        book.note(ask.number, ask.seed, score)

    def drop(self, name: str) -> None:
        """Give up a running trial that ended without a record: nothing is told, so the next launch runs it again as it is."""
        if self.running.pop(name, None) is not None:
            self.given_up.add(name)


def _stored(store: Path) -> set[str]:
    """Keys of the phases in a store, whose folders are named `<name>--<key>` (not verified)."""
    return {path.name.rpartition("--")[2] for path in store.glob("*--*")}
