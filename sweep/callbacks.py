"""What the launching process hears from Tune: finished trials go to the tracker and the view, fatal faults stop the sweep."""

from __future__ import annotations

from typing import Any

import ray.tune

from sweep.planning.plan import Plan
from sweep.search.board import Board
from sweep.watch.progress import ProgressView
from training.errors import UserError
from training.record import read_record, record_path


class StopWhenFatal(ray.tune.Stopper):
    """Stops the whole experiment on a fault that every other trial would meet too (a full disk, a damaged data file)."""

    def __init__(self) -> None:
        self.fatal = ""

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops a single trial."""
        self.fatal = self.fatal or str(result.get("fatal", ""))
        return False

    def stop_all(self) -> bool:
        """Whether a fatal fault was heard of."""
        return bool(self.fatal)


class Ears(ray.tune.Callback):
    """Passes finished trials on."""

    def __init__(self, plan: Plan, board: Board, queue: Any, view: ProgressView) -> None:
        self.plan, self.board, self.queue, self.view = plan, board, queue, view

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; ours is made anew at each launch."""
        return {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Keep the view alive between results."""
        self.view.refresh(len(self.board.running))

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has ended: mirror its record and show it."""
        self._ended(str(trial.config["trial"]))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's worker was lost, and it goes on in another."""
        text = f"a worker of {trial.config['trial']} was lost, another goes on from what it left (loss {trial.num_failures})"
        self.view.console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial was given up after its retries; one whose record was written before counts as ended."""
        name = str(trial.config["trial"])
        if not self._ended(name):
            self.view.lost(name, str(getattr(trial, "error_file", "") or ""))

    def _ended(self, name: str) -> bool:
        """Mirror and show a trial's record; False when it has none."""
        try:
            record = read_record(record_path(self.plan.run, name))
        except UserError:
            return False
        self.queue.put(record)
        self.view.ended(record)
        return True
