"""The search over all pairs: many Optuna studies under one Tune experiment.

Tune asks for the next trial; the search answers with one whose phases are in the store or in nobody's hands, so that two trials never
train one phase and none waits for another with its resources held. When every open trial waits for a phase that is being
trained, it answers "not now", and Tune asks again when something has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from sweep.plan import Plan, Setting, StudySpec, trial_name
from sweep.study import StudyBook, open_book
from training.record import TrialRecord, record_path
from training.store import PhaseStore


@dataclass(frozen=True)
class Ask:
    """A trial that could run: its study, its setting's number and values, its seed, and its name."""

    spec: StudySpec
    number: int
    seed: int
    setting: Setting
    name: str
    missing: tuple[str, ...]


@dataclass
class Board:
    """All studies of a plan, and the trials that are running."""

    plan: Plan
    books: list[StudyBook]
    running: dict[str, Ask]

    @classmethod
    def open(cls, plan: Plan, storage: Any, records: Iterable[TrialRecord]) -> Board:
        """Open every study and take up earlier records."""
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
            )
            book.restore(known)
            books.append(book)
        return cls(plan, books, {})

    @property
    def finished(self) -> bool:
        """Whether no trial is left to start and none is running."""
        return not self.running and all(book.done for book in self.books)

    def next(self) -> Ask | None:
        """The trial to start now, or None when everything open waits for a running one.

        Phases in the store come first (their trials are the cheapest way to a result), then the order of the grid.
        """
        store = PhaseStore(self.plan.store)
        busy = {key for ask in self.running.values() for key in ask.missing}
        best: tuple[int, Ask] | None = None
        for ask in self._open(store):
            if not busy.intersection(ask.missing) and (best is None or len(ask.missing) < best[0]):
                best = (len(ask.missing), ask)
        if best is None:
            return None
        self.running[best[1].name] = best[1]
        return best[1]

    def _open(self, store: PhaseStore) -> Iterable[Ask]:
        for book in self.books:
            for number, seed, setting in book.open_trials():
                chain = self.plan.chain(book.spec, setting, seed)
                name = trial_name(book.spec, number, seed, chain)
                if name not in self.running:
                    missing = tuple(key for key in chain.phase_keys if not store.has(key))
                    yield Ask(book.spec, number, seed, setting, name, missing)

    def finish(self, name: str, score: float | None) -> None:
        """Note the end of a trial (None: it failed)."""
        ask = self.running.pop(name)
        book = next(book for book in self.books if book.spec is ask.spec)
        book.note(ask.number, ask.seed, score)

    def drop(self, name: str) -> None:
        """Forget a running trial that ended without a result; it is open again for the next launch."""
        ask = self.running.pop(name, None)
        if ask is not None:
            book = next(book for book in self.books if book.spec is ask.spec)
            book.note(ask.number, ask.seed, None)


class PairSearcher(Searcher):
    """Tune's view of the board."""

    def __init__(self, board: Board) -> None:
        super().__init__(metric="score", mode="max")
        self.board = board
        self.names: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """Configuration of the next trial, None for "not now", or FINISHED."""
        ask = self.board.next()
        if ask is None:
            return Searcher.FINISHED if self.board.finished else None
        self.names[trial_id] = ask.name
        values = {name.replace(".", "_"): value for name, value in ask.setting.items()}
        return {
            "trial": ask.name,
            "study": ask.spec.label,
            "number": ask.number,
            "seed": ask.seed,
            "setting": dict(ask.setting),
            **values,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the board how a trial ended."""
        name = self.names.pop(trial_id, None)
        if name is None:
            return
        if result and result.get("trial") == name and record_path(self.board.plan.run, name).is_file():
            self.board.finish(name, None if result.get("failed") else float(result["score"]))
        else:
            self.board.drop(name)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher; ours is made anew at each launch, so nothing of it is kept."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: records and Optuna's storage hold the whole state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""
