"""What a run folder says with its chances: the tables, the arms they are made of, intervals, averages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import Pair
from reports.frame import TransferTable
from sweep.foreseen import Tell, current_records, tables_from
from sweep.runfolder import read_mark
from training.record import TrialRecord

if TYPE_CHECKING:  # scipy takes a second to load
    from reports.statistics.averages import AverageDelta
    from reports.statistics.compare import Comparison
    from reports.statistics.transfer import Arms


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The latest launch's records, their tables, and the arms of the tables' cells."""

    records: tuple[TrialRecord, ...]
    tables: tuple[TransferTable, ...]
    arms: Arms


def seen_in(run: Path, tell: Tell = lambda line: None) -> Seen:
    """Read a run folder; raises UserError when it is not one. `tell` hears of what is damaged, and so left out."""
    from reports.statistics.transfer import Arms

    mark = read_mark(run)
    records = current_records(run, mark, tell)
    return Seen(records=tuple(records), tables=tuple(tables_from(records, mark)), arms=Arms(records, run, tell))


def intervals_and_averages(run: Path, tell: Tell = lambda line: None) -> tuple[dict[Pair, Comparison], list[AverageDelta]]:
    """Every delta of a run folder's tables with its interval, and every average over targets; otherwise as `seen_in`."""
    from reports.statistics.averages import averages_of
    from reports.statistics.transfer import interval_of_arms

    seen = seen_in(run, tell)
    return interval_of_arms(seen.tables, seen.arms), averages_of(seen.tables, seen.arms)
