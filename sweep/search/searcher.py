"""Tune's view of the board: one searcher for the studies of all pairs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from sweep.planning.tree import until_share
from sweep.search.board import Ask, Board
from sweep.search.study import score_of
from training.errors import UserError
from training.record import paused_path, read_record, record_path


class PairSearcher(Searcher):
    """Gives Tune the board's legs, and tells the board how they ended: what they left on disk decides."""

    def __init__(self, board: Board, expecting: Callable[[], bool] = lambda: False) -> None:
        super().__init__(metric="score", mode="max")
        self.board, self.expecting = board, expecting
        self.asks: dict[str, Ask] = {}

    def suggest(self, trial_id: str) -> Any:
        """Configuration of the next leg, None for "not now", or FINISHED; `expecting` says whether nodes are still to come."""
        ask = self.board.next()
        if ask is None:
            return None if self.board.running or self.board.held_elsewhere or self.expecting() else Searcher.FINISHED
        self.asks[trial_id] = ask
        values = {name.replace(".", "_"): value for name, value in ask.setting.items()}
        return {
            "trial": ask.name,
            "leg": ask.leg,
            "rung": ask.rung,
            "until": ask.until,
            "study": ask.spec.label,
            "number": ask.number,
            "seed": ask.seed,
            "asked": time.time(),
            "seconds": longest_phase(self.board, ask),
            "setting": dict(ask.setting),
            **values,
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell the board how a leg ended."""
        ask = self.asks.pop(trial_id, None)
        if ask is None or ask.leg not in self.board.running:
            return
        try:
            record = read_record(record_path(self.board.plan.run, ask.name))
        except UserError:
            self._without_record(ask, result or {})
        else:
            self.board.finish(ask.leg, score_of(record))

    def _without_record(self, ask: Ask, result: dict[str, Any]) -> None:
        """The leg ended at its rung, met a phase that another sweep trains, or was lost."""
        reached = rung_score(self.board, ask)
        if reached is not None:
            self.board.at_rung(ask.leg, reached)
        elif result.get("busy"):
            self.board.busy(ask.leg)
        else:
            self.board.drop(ask.leg)

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its searcher; ours is made anew at each launch, so nothing of it is kept."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: records and Optuna's storage hold the whole state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


def longest_phase(board: Board, ask: Ask) -> float:
    """Seconds that the longest phase is likely to need of those that a leg trains; 0 where it trains none."""
    shares = zip(ask.nodes, until_share(ask.nodes, ask.until), strict=True)
    return max((board.seconds(node) * share for node, share in shares if node.key in ask.missing), default=0.0)


def rung_score(board: Board, ask: Ask) -> float | None:
    """The score that a leg has left at its rung; None when it has not."""
    if ask.rung is None:
        return None
    try:
        paused = read_record(paused_path(board.plan.run, ask.name))
    except UserError:
        return None
    return next((rung.score for rung in paused.rungs if rung.rung == ask.rung), None)
