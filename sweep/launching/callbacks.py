"""What the launching process hears from Tune: what ended goes to the tracker and the view, what is to end the sweep does."""

from __future__ import annotations

from typing import Any

import ray.tune

from reports.cells import GIVEN_UP
from sweep.planning.plan import Plan
from sweep.search.board import Board
from sweep.search.settle import settle
from sweep.steering.requests import Request, StopRequest
from sweep.trial import give_up_record
from sweep.watch.live import is_saved, read_live
from sweep.watch.progress import ProgressView
from training.errors import UserError
from training.record import Status, TrialRecord, read_record, record_path

HOPELESS = 3
"""Trials that are given up before any has ended: the machine or the code is at fault, not the settings."""


class StopWhenOver(ray.tune.Stopper):
    """Stops the whole experiment on a fault that every other trial would meet too, and when the user wants it to end now."""

    def __init__(self, plan: Plan, request: StopRequest) -> None:
        self.plan, self.request, self.fatal, self._told = plan, request, "", False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops a single trial."""
        self.fatal = self.fatal or str(result.get("fatal", ""))
        return False

    def stop_all(self) -> bool:
        """Whether a fatal fault was heard of, or everything that runs has its checkpoint after `sweep stop --now`."""
        return bool(self.fatal) or self.request.must_end(is_saved(state) for state in read_live(self.plan.run))


class Ears(ray.tune.Callback):
    """Passes on what has ended."""

    def __init__(self, board: Board, queue: Any, view: ProgressView, stopper: StopWhenOver) -> None:
        self.plan, self.board, self.queue, self.view, self.stopper = board.plan, board, queue, view, stopper
        self.ended = 0
        self.given_up: list[str] = []
        self._told: Request | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; ours is made anew at each launch."""
        return {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Keep the view alive between results, and say once that the sweep was asked to stop."""
        self.view.refresh(len(self.board.running))
        request = self.stopper.request.request
        if request is not None and request != self._told:
            self._told = request
            self.view.stopping(request.now, interrupted=self.stopper.request.interrupted)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A leg has ended: mirror the records that it led to, and show them."""
        self._pass_on(str(trial.config["trial"]))
        self.settle()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A leg's worker was lost, and it goes on in another."""
        text = f"a worker of {trial.config['trial']} was lost, another goes on from what it left (loss {trial.num_failures})"
        self.view.say(text, style="yellow")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A leg was lost too often: its trial is given up by a record that says so, unless it has left one, or its rung."""
        if self._pass_on(str(trial.config["trial"])) or str(trial.config["leg"]) not in self.board.dropped:
            return
        try:
            give_up_record(self.plan, trial.config, _reason(trial))
        except UserError as fault:
            self.stopper.fatal = str(fault)
            return
        self.board.concede(str(trial.config["leg"]))
        self._pass_on(str(trial.config["trial"]))
        self.settle()

    def settle(self) -> None:
        """Write, mirror and show the records of trials that early stopping has ended."""
        try:
            for record in settle(self.board):
                self._show(record)
        except UserError as fault:
            self.stopper.fatal = str(fault)

    def _pass_on(self, name: str) -> bool:
        """Mirror and show a trial's record; False when it has none."""
        try:
            record = read_record(record_path(self.plan.run, name))
        except UserError:
            return False
        if record.status is Status.FAILED and record.reason.startswith(GIVEN_UP):
            self._despair(record)
        else:
            self.ended += 1
        self._show(record)
        return True

    def _despair(self, record: TrialRecord) -> None:
        """A trial was given up; when that is how all of them end, the sweep stops instead of failing one after the other."""
        self.given_up.append(f"{record.trial}: {record.reason.removeprefix(GIVEN_UP).strip(': ')}")
        if len(self.given_up) >= HOPELESS and not self.ended:
            again = "when it is mended: sweep resume --retry-failed"
            self.stopper.fatal = f"{len(self.given_up)} trials were given up and none has ended; {self.given_up[-1]}\n  {again}"

    def _show(self, record: TrialRecord) -> None:
        self.queue.put(record)
        self.view.ended(record)


def _reason(trial: Any) -> str:
    """Why Tune gave a leg up: how often it was lost, and the last line of the last fault."""
    fault = trial.get_error() if hasattr(trial, "get_error") else None
    last = next((line.strip() for line in reversed(str(fault or "").splitlines()) if line.strip()), "no reason was left")
    return f"lost {trial.num_failures} times; {last[:300]}"
