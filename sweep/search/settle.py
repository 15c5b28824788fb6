"""Writing the records of trials that early stopping has ended."""

from __future__ import annotations

from dataclasses import replace

from sweep.planning.plan import StudySpec
from sweep.search.board import Board
from sweep.tidy import drop_checkpoint
from training.errors import UserError
from training.record import Status, TrialRecord, paused_path, read_record, write_record


def settle(board: Board) -> list[TrialRecord]:
    """Write the record of each trial that early stopping has ended since the last call, and return them; raises StoreError.

    The in-phase checkpoint goes with it where no other sweep writes to the store. A trial whose waiting file was lost meanwhile
    is left to the next launch, which runs it to its rung again.
    """
    ended = [_stopped(board, name, spec) for name, spec, _ in board.take_stopped()]
    return [record for record in ended if record is not None]


def _stopped(board: Board, name: str, spec: StudySpec) -> TrialRecord | None:
    plan, waiting = board.plan, paused_path(board.plan.run, name)
    try:
        record = replace(read_record(waiting), status=Status.STOPPED)
    except UserError:
        return None
    write_record(plan.run, record)
    waiting.unlink(missing_ok=True)
    if plan.phases is None:
        drop_checkpoint(plan.store, plan.chain(spec, dict(record.hyperparameters), record.seed).weights_key)
    return record
