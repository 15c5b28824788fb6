"""Tune's view of the board: one searcher for the studies of all pairs."""

from __future__ import annotations

import time
from typing import Any

from ray.tune.search import Searcher

from sweep.search.board import Board
from sweep.search.study import score_of
from training.errors import UserError
from training.record import read_record, record_path


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
            return None if self.board.running else Searcher.FINISHED
        self.names[trial_id] = ask.name
        values = {name.replace(".", "_"): value for name, value in ask.setting.items()}
        return {
            "trial": ask.name,
            "study": ask.spec.label,
            "number": ask.number,
            "seed": ask.seed,
            "asked": time.time(),
            "setting": dict(ask.setting),
            **values,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the board how a trial ended: its record decides, whatever became of the worker that wrote it."""
        name = self.names.pop(trial_id, None)
        if name is None:
            return
        try:
            record = read_record(record_path(self.board.plan.run, name))
        except UserError:
            self.board.drop(name)
        else:
            self.board.finish(name, score_of(record))

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher; ours is made anew at each launch, so nothing of it is kept."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: records and Optuna's storage hold the whole state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""
