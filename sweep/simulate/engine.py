"""Carries out work on a simulated cluster: who trains what, what is kept of it when a worker is lost, and what it all took.

* A worker holds one GPU and one leg. What a leg trains goes into the store piece by piece; what is there is not trained again.
* A leg that is lost with its worker goes on from its last checkpoint, on the next free worker and before anything new begins.
* Where two legs want one piece, the later one waits with its GPU held, unless its source takes it back. The sweep's own search
  never lets that happen, but where a piece was lost from the store that it had counted on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sweep.search.index import MemoryIndex
from sweep.simulate.clock import Clock, Event
from sweep.simulate.cluster import Cluster, Happening
from sweep.simulate.work import Piece, Work

STANDSTILL = 30 * 24 * 3600.0
"""Seconds without a running leg after which nothing more is expected of a sweep with work left."""


class Source(Protocol):
    """Where work comes from."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left, running work aside."""

    def next(self) -> Work | None:
        """The leg to start now; None while there is none."""

    def committed(self, key: str) -> None:
        """A piece is in the store."""

    def ended(self, work: Work) -> None:
        """A leg has come to its end."""

    def busy(self, work: Work) -> bool:
        """A leg has met a piece that another is training; True when it is taken back, so that its GPU is free."""


class SimulatedStore(MemoryIndex):
    """The store of a simulated cluster, and who is training what."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[str, int] = {}

    def claimed(self, key: str) -> bool:
        """Whether a worker trains it now."""
        return key in self.claims


@dataclass
class Account:
    """GPU-seconds by what they went into; `trained` and `lost` by (slot, piece), `whole` of each finished piece."""

    training: float = 0.0
    evaluating: float = 0.0
    starting: float = 0.0
    waiting: float = 0.0
    wasted: float = 0.0
    legs: int = 0
    resumed: int = 0
    trained: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    lost: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    whole: dict[str, float] = field(default_factory=dict)


@dataclass
class _Run:
    """A leg on a worker: which piece it is at, since when, and how far that piece was then."""

    work: Work
    place: int = -1
    since: float = 0.0
    begun_at: float = 0.0
    waits: bool = False
    kept: float = -1.0
    event: Event | None = None

    @property
    def piece(self) -> Piece | None:
        """What it does; None while it starts."""
        return self.work.pieces[self.place] if self.place >= 0 else None


@dataclass
class _Worker:
    number: int
    happenings: Iterator[tuple[float, Happening]]
    here: bool = False
    leaving: bool = False
    since: float = 0.0
    present: float = 0.0
    run: _Run | None = None


@dataclass
class Engine:
    """One simulated sweep; in seconds, `start` is what each start of a leg costs, `checkpoint` the time between checkpoints."""

    cluster: Cluster
    source: Source
    start: float = 10.0
    checkpoint: float = 600.0
    clock: Clock = field(default_factory=Clock)
    store: SimulatedStore = field(default_factory=SimulatedStore)
    account: Account = field(default_factory=Account)
    checkpoints: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._waiting: defaultdict[str, deque[_Worker]] = defaultdict(deque)
        self._lost: deque[Work] = deque()
        self._workers = [_Worker(number, self.cluster.happenings(number)) for number in range(self.cluster.gpus)]
        self._free: dict[int, _Worker] = {}
        self._asks, self._runs, self._moved = True, 0, 0.0
        for worker in self._workers:
            self._await(worker)

    @property
    def done(self) -> bool:
        """Whether all work is done."""
        return not self._runs and not self._lost and self.source.finished

    def run(self) -> float:
        """Run to the end; returns the makespan in seconds. Raises RuntimeError when nothing moves and work is left."""
        while True:
            self.hand_out()
            if self.done:
                break
            if not self.clock.step() or (not self._runs and self.clock.now - self._moved > STANDSTILL):
                raise RuntimeError("the simulated sweep stands still with work left")
        self.settle()
        return self.clock.now

    def settle(self) -> None:
        """Count the time of the workers that are here until now."""
        for worker in self._workers:
            if worker.here:
                worker.present += self.clock.now - worker.since
                worker.since = self.clock.now

    @property
    def available(self) -> float:
        """GPU-seconds that were there, up to the last `settle`."""
        return sum(worker.present for worker in self._workers)

    def hand_out(self) -> None:
        """Give work to every free worker, as far as there is any; lost work goes first."""
        while self._free and (self._lost or self._asks):
            work = self._lost.popleft() if self._lost else self.source.next()
            if work is None:
                self._asks = False
                return
            number = min(self._free)
            self._begin(self._free.pop(number), work)

    def lose_everything(self) -> None:
        """The controller dies, and every worker with it: what is not in a checkpoint is gone, and nothing is remembered."""
        for worker in self._workers:
            if worker.run is not None:
                self._interrupt(worker)
                self._free_up(worker)
        self._lost.clear()
        self._asks = True

    def ask_again(self) -> None:
        """Ask for work once more, though nothing has ended."""
        self._asks = True

    def forget(self, key: str) -> None:
        """The store loses a piece; what it held has to be trained again."""
        self.store.remove(key)
        for place in [place for place in self.account.trained if place[1] == key and place not in self.checkpoints]:
            self.account.lost[place] = self.account.trained[place]

    def _await(self, worker: _Worker) -> None:
        """Have the next thing happen to a worker."""
        found = next(worker.happenings, None)
        if found is not None and found[0] != float("inf"):
            self.clock.after(found[0] - self.clock.now, lambda: self._happen(worker, found[1]))

    def _happen(self, worker: _Worker, what: Happening) -> None:
        if what is Happening.JOINS:
            worker.here, worker.leaving, worker.since = True, False, self.clock.now
            self._free_up(worker)
        elif what is Happening.NOTICE:
            self._note_checkpoint(worker)
            worker.leaving = True
            self._free.pop(worker.number, None)
        else:
            self._lose(worker)
            if what is Happening.LEAVES:
                worker.here, worker.present = False, worker.present + self.clock.now - worker.since
                self._free.pop(worker.number, None)
        self._await(worker)

    def _note_checkpoint(self, worker: _Worker) -> None:
        """A worker that is told of its end writes a checkpoint at once."""
        run = worker.run
        if run is not None and run.piece is not None and run.piece.key and not run.waits:
            run.kept = run.begun_at + self.clock.now - run.since

    def _lose(self, worker: _Worker) -> None:
        if worker.run is None:
            return
        self._lost.append(worker.run.work)
        self.account.resumed += 1
        self._interrupt(worker)
        self._free_up(worker)

    def _free_up(self, worker: _Worker) -> None:
        self._runs -= worker.run is not None
        worker.run = None
        if worker.here and not worker.leaving:
            self._free[worker.number] = worker

    def _begin(self, worker: _Worker, work: Work) -> None:
        self.account.legs += 1
        self._runs, self._moved = self._runs + 1, self.clock.now
        worker.run = _Run(work, since=self.clock.now)
        worker.run.event = self.clock.after(self.start, lambda: self._started(worker))

    def _started(self, worker: _Worker) -> None:
        self.account.starting += self.start
        self._go_on(worker)

    def _go_on(self, worker: _Worker) -> None:
        """Begin the next piece that is not in the store, or end the leg."""
        run = worker.run
        assert run is not None
        run.place += 1
        while run.place < len(run.work.pieces) and self.store.has(run.work.pieces[run.place].key):
            run.place += 1
        if run.place == len(run.work.pieces):
            self._free_up(worker)
            self._asks = True
            self.source.ended(run.work)
            return
        self._take(worker, run, run.work.pieces[run.place])

    def _take(self, worker: _Worker, run: _Run, piece: Piece) -> None:
        run.since, run.kept = self.clock.now, -1.0
        run.waits = self.store.claimed(piece.key)
        if run.waits:
            if self.source.busy(run.work):
                self._free_up(worker)
            else:
                self._waiting[piece.key].append(worker)
            return
        if piece.key:
            self.store.claims[piece.key] = worker.number
        run.begun_at = self.checkpoints.get((piece.slot, piece.key), 0.0) if piece.key else 0.0
        run.event = self.clock.after(piece.upto - run.begun_at, lambda: self._done(worker))

    def _done(self, worker: _Worker) -> None:
        run = worker.run
        assert run is not None and run.piece is not None
        piece = run.piece
        seconds = max(0.0, piece.upto - run.begun_at)
        if not piece.key:
            self.account.evaluating += seconds
            self._go_on(worker)
            return
        place = (piece.slot, piece.key)
        self.account.training += seconds
        self.account.trained[place] += seconds
        del self.store.claims[piece.key]
        if piece.commits:
            self.checkpoints.pop(place, None)
            self.store.add(piece.key)
            self.account.whole[piece.key] = piece.whole
            self._asks = True
            self.source.committed(piece.key)
        else:
            self.checkpoints[place] = max(piece.upto, run.begun_at)
        self._wake(piece.key)
        self._go_on(worker)

    def _wake(self, key: str) -> None:
        """Those that waited for a piece look again: the first of them may have to train it."""
        for worker in self._waiting.pop(key, ()):
            run = worker.run
            assert run is not None
            self.account.waiting += self.clock.now - run.since
            run.place -= 1
            self._go_on(worker)

    def _interrupt(self, worker: _Worker) -> None:
        """End a run where it is; what was trained since its last checkpoint is lost."""
        run = worker.run
        assert run is not None
        elapsed, piece = self.clock.now - run.since, run.piece
        if run.waits and piece is not None:
            self._waiting[piece.key].remove(worker)
            self.account.waiting += elapsed
            return
        if run.event is not None:
            self.clock.cancel(run.event)
        if piece is None or not piece.key:
            self.account.wasted += elapsed
            return
        place = (piece.slot, piece.key)
        kept = max(run.kept, run.begun_at + elapsed // self.checkpoint * self.checkpoint)
        self.checkpoints[place] = kept
        self.account.training += kept - run.begun_at
        self.account.wasted += run.begun_at + elapsed - kept
        self.account.trained[place] += elapsed
        self.account.lost[place] += run.begun_at + elapsed - kept
        del self.store.claims[piece.key]
        self._wake(piece.key)
