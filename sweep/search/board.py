"""The search over all pairs: which leg of which trial is started next.

* All studies of a plan are open at once. What can be run now is kept in the order of `levels`; what needs a node that somebody
  is training waits beside it, holding nothing, and is released when the node is in the store or in nobody's hands any more.
* So two legs never train one node, and none waits with a GPU in its hands. Where another sweep writes to the same store, its
  claims are looked at before a leg is handed out, and a leg that meets one all the same is taken back (`busy`).
* The board is plain Python: Tune drives it in a sweep, the simulator in virtual time.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sweep.planning.plan import Plan, trial_name
from sweep.planning.studies import Setting, StudySpec
from sweep.planning.tree import Node, until_share
from sweep.search.index import PhaseIndex, StoreIndex
from sweep.search.levels import Seconds, bucket, leg_seconds, passes, rounds_left
from sweep.search.rules import Leg, Rules
from sweep.search.study import StudyBook, open_book
from training.record import Status, TrialRecord
from training.stores.store import PhaseStore

PATIENCE = 1.0
"""Seconds between two looks at what another sweep is training."""


@dataclass(frozen=True)
class Ask:
    """A leg that could run: its study, setting, seed, the trial's name, and the nodes it needs.

    `rung` is the one it ends at (None: the end of the chain); `begun` and `until` are the shares of the last phase at which it
    begins and ends; `missing` are the keys of the nodes that were not in the store when it was handed out; `level` is its
    urgency.
    """

    spec: StudySpec
    number: int
    seed: int
    setting: Setting
    name: str
    nodes: tuple[Node, ...]
    rung: int | None = None
    begun: float = 0.0
    until: float = 1.0
    missing: tuple[str, ...] = ()
    level: int = 0

    @property
    def leg(self) -> str:
        """Name of what Tune runs: the trial's, with the rung that it ends at."""
        return self.name if self.rung is None else f"{self.name}.r{self.rung}"


class Gate(Protocol):
    """Decides what may still be started: a budget, a deadline, a request to stop."""

    def admits(self, ask: Ask) -> bool:
        """Whether the leg may start now; one that may not is asked about again when something has ended."""

    def started(self, ask: Ask) -> None:
        """A leg was handed out."""

    def ended(self, ask: Ask) -> None:
        """A leg is over."""


@dataclass
class Board:
    """All studies of a plan, the legs that are running (by name), and the trials that this launch has given up."""

    plan: Plan
    books: list[StudyBook]
    index: PhaseIndex
    seconds: Seconds = passes
    gates: tuple[Gate, ...] = ()
    clock: Callable[[], float] = time.monotonic
    running: dict[str, Ask] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    dropped: dict[str, Ask] = field(default_factory=dict)
    _books_by_label: dict[str, StudyBook] = field(default_factory=dict, init=False, repr=False)
    _known: dict[str, set[Leg]] = field(default_factory=lambda: defaultdict(set), init=False, repr=False)
    _ready: list[tuple[int, float, int, Ask]] = field(default_factory=list, init=False, repr=False)
    _waiting: dict[str, list[Ask]] = field(default_factory=lambda: defaultdict(list), init=False, repr=False)
    _refused: list[Ask] = field(default_factory=list, init=False, repr=False)
    _elsewhere: list[Ask] = field(default_factory=list, init=False, repr=False)
    _training: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _stopped: list[tuple[str, str]] = field(default_factory=list, init=False, repr=False)
    _reported: set[str] = field(default_factory=set, init=False, repr=False)
    _places: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _trials: dict[tuple[str, int, int], tuple[str, tuple[Node, ...]]] = field(default_factory=dict, init=False, repr=False)
    _typical: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _looked: float = field(default=float("-inf"), init=False, repr=False)

    @classmethod
    def open(
        cls,
        plan: Plan,
        storage: Any,
        records: Iterable[TrialRecord],
        paused: Iterable[TrialRecord] = (),
        sweep: str = "",
        *,
        index: PhaseIndex | None = None,
        seconds: Seconds = passes,
        gates: tuple[Gate, ...] = (),
    ) -> Board:
        """Open every study of the sweep with this id, and take up earlier records and the trials that wait at a rung."""
        search, ended = plan.grid.search, list(records)
        known = {record.trial: record for record in paused} | {record.trial: record for record in ended}
        by_study: dict[str, list[TrialRecord]] = defaultdict(list)
        for record in known.values():
            by_study[record.study].append(record)
        books = []
        for spec in plan.studies:
            rules = Rules.of(plan.grid, plan.settings_of(spec), trained=plan.sources[spec.group].row.trained)
            book = open_book(spec, storage, rules, sampler=search.sampler, search_seed=search.seed, sweep=sweep)
            book.restore(by_study[spec.label])
            books.append(book)
        board = cls(plan, books, index or StoreIndex(PhaseStore(plan.store)), seconds, gates)
        board._reported = {record.trial for record in ended if record.status is Status.STOPPED}
        return board

    def __post_init__(self) -> None:
        """Take in what every study has open."""
        self._books_by_label = {book.spec.label: book for book in self.books}
        self.index.refresh()
        for book in self.books:
            self._take_in(book)

    @property
    def finished(self) -> bool:
        """Whether every trial of the plan has its score, or was stopped; a trial that was given up has none."""
        return not self.running and all(book.done for book in self.books)

    @property
    def held_elsewhere(self) -> bool:
        """Whether a leg waits for a phase that another sweep is training."""
        return bool(self._elsewhere)

    def book_of(self, ask: Ask) -> StudyBook:
        """The study that a leg belongs to."""
        return self._books_by_label[ask.spec.label]

    def next(self) -> Ask | None:
        """The leg to start now, or None when everything open waits for a running one, or nothing is left for this launch."""
        self._look()
        while self._ready:
            level, _, _, ask = heapq.heappop(self._ready)
            missing = tuple(node.key for node in _reached(ask) if not self.index.has(node.key))
            busy = next((key for key in missing if key in self._training), None)
            if busy is not None:
                self._waiting[busy].append(ask)
            elif any(self.index.claimed(key) for key in missing):
                self._elsewhere.append(ask)
            else:
                ask = replace(ask, missing=missing, level=-level)
                if all(gate.admits(ask) for gate in self.gates):
                    self._start(ask)
                    return ask
                self._refused.append(ask)
        return None

    def open_legs(self, counts: Callable[[Ask], bool]) -> list[Ask]:
        """Legs that wait: for somebody to ask, for a node that another trains, and those refused by a gate that `counts`."""
        ready = [ask for *_, ask in sorted(self._ready, key=lambda item: item[:3])]
        waiting = [ask for asks in self._waiting.values() for ask in asks]
        return [*ready, *(ask for ask in self._refused if counts(ask)), *waiting]

    def ask_again(self) -> None:
        """Offer again what gates have refused: what they stand on has changed."""
        refused, self._refused = self._refused, []
        for other in refused:
            self._push(other)

    def at_rung(self, leg: str, score: float) -> None:
        """A leg has ended at its rung with this English dev score."""
        ask = self._ended(leg)
        assert ask.rung is not None
        self.book_of(ask).note_rung(ask.number, ask.rung, score)
        self._take_in(self.book_of(ask))

    def finish(self, leg: str, score: float | None) -> None:
        """A trial has its record (score None: it failed)."""
        ask = self._ended(leg)
        self._trials.pop((ask.spec.label, ask.number, ask.seed), None)
        self.book_of(ask).note(ask.number, ask.seed, score)
        self._take_in(self.book_of(ask))

    def drop(self, leg: str) -> None:
        """Give up a running leg that ended without a record: nothing is told, so the next launch runs it again as it is."""
        if leg in self.running:
            ask = self.dropped[leg] = self._ended(leg)
            self.given_up.add(ask.name)

    def concede(self, leg: str) -> None:
        """A dropped leg's trial has a record now that says it failed: its study goes on without it."""
        ask = self.dropped.pop(leg, None)
        if ask is not None:
            self.given_up.discard(ask.name)
            self.book_of(ask).note(ask.number, ask.seed, None)
            self._take_in(self.book_of(ask))

    def busy(self, leg: str) -> None:
        """Take back a leg that met a phase which another sweep trains; it is offered again when that claim is free."""
        self._elsewhere.append(self._ended(leg))
        self._looked = self.clock()

    def committed(self, key: str) -> None:
        """A node is in the store: what waited for it can start."""
        self._training.pop(key, None)
        self._release(key)

    def take_stopped(self) -> list[tuple[str, str]]:
        """(trial, key of its last phase) of those that early stopping has ended since the last call."""
        stopped, self._stopped = self._stopped, []
        return stopped

    def _start(self, ask: Ask) -> None:
        self.running[ask.leg] = ask
        self._training.update(dict.fromkeys(ask.missing, ask.leg))
        for gate in self.gates:
            gate.started(ask)

    def _ended(self, leg: str) -> Ask:
        """A leg is over: what it was training is free, and what a gate refused may be asked about again."""
        ask = self.running.pop(leg)
        for gate in self.gates:
            gate.ended(ask)
        for key in ask.missing:
            if self._training.get(key) == leg:
                del self._training[key]
                self._release(key)
        self.ask_again()
        return ask

    def _release(self, key: str) -> None:
        for ask in self._waiting.pop(key, []):
            self._push(ask)

    def _look(self) -> None:
        """Take in what has come to the store, and offer again what another sweep was training."""
        for key in self.index.refresh():
            self.committed(key)
        if self._elsewhere and self.clock() - self._looked >= PATIENCE:
            elsewhere, self._elsewhere, self._looked = self._elsewhere, [], self.clock()
            for ask in elsewhere:
                self._push(ask)

    def _take_in(self, book: StudyBook) -> None:
        """Queue the legs of a study that are new, and note the settings it has stopped."""
        known = self._known[book.spec.label]
        for leg in book.legs():
            if leg not in known:
                known.add(leg)
                self._push(self._ask(book, leg))
        for number in book.take_stopped():
            name, nodes = self._trial(book, number, book.rules.lead)
            del self._trials[book.spec.label, number, book.rules.lead]
            if name not in self._reported:
                self._reported.add(name)
                self._stopped.append((name, nodes[-1].key))

    def _trial(self, book: StudyBook, number: int, seed: int) -> tuple[str, tuple[Node, ...]]:
        """Name and nodes of a trial."""
        place = (book.spec.label, number, seed)
        if place not in self._trials:
            chain = self.plan.chain(book.spec, book.setting(number), seed)
            self._trials[place] = (trial_name(book.spec, number, seed, chain), self.plan.nodes_of(book.spec, chain))
        return self._trials[place]

    def _ask(self, book: StudyBook, leg: Leg) -> Ask:
        name, nodes = self._trial(book, leg.number, leg.seed)
        return Ask(book.spec, leg.number, leg.seed, book.setting(leg.number), name, nodes, leg.rung, leg.begun, leg.until)

    def _push(self, ask: Ask) -> None:
        """Queue a leg by the likely seconds until its study ends if run alone: this leg's, and a trial a round to come."""
        if ask.name in self.given_up:
            return
        book = self.book_of(ask)
        own = leg_seconds(ask.nodes, ask.begun, ask.until, self.index.has, self.seconds)
        typical = self._typical.setdefault(ask.spec.label, own)
        level = bucket(own + typical * rounds_left(book.rules, book.asked))
        place = self._places.setdefault(ask.leg, len(self._places))
        heapq.heappush(self._ready, (-level, own, place, ask))


def _reached(ask: Ask) -> list[Node]:
    """The nodes that a leg trains or stands on: those after the rung that it ends at are left out."""
    return [node for node, share in zip(ask.nodes, until_share(ask.nodes, ask.until), strict=True) if share > 0]
