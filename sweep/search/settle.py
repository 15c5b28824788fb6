"""Writing the records of trials that early stopping has ended."""

from __future__ import annotations

from dataclasses import replace

from sweep.planning.plan import Plan
from sweep.search.board import Board
from training.errors import UserError
from training.record import Status, TrialRecord, paused_path, read_record, write_record
from training.stores.leftovers import drop_checkpoint
from training.stores.store import PhaseStore


def settle(board: Board) -> list[TrialRecord]:
    """Write the record of each trial that early stopping has ended since the last call, and return them; raises StoreError.

    The in-phase checkpoint goes with it where no other sweep writes to the store. A trial whose waiting file was lost meanwhile
    is left to the next launch, which runs it to its rung again.
    """
    ended = [_stopped(board.plan, name, key) for name, key in board.take_stopped()]
    return [record for record in ended if record is not None]


def _stopped(plan: Plan, name: str, key: str) -> TrialRecord | None:
    waiting, store = paused_path(plan.run, name), PhaseStore(plan.store)
    try:
        record = replace(read_record(waiting), status=Status.STOPPED)
    except UserError:
        return None
    if plan.phases is None and store.checkpoint_path(key).exists():  # first: nobody looks for it once the trial has its record
        drop_checkpoint(store, key)
    write_record(plan.run, record)
    waiting.unlink(missing_ok=True)
    return record
