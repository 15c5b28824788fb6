"""What the latest launch of a run folder foresees, the records that belong to it, and the transfer tables of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import Pair
from reports.frame import Expectation, TransferTable, transfer_tables
from sweep.records import readable_records
from sweep.runfolder import PairMark, RunMark, read_mark
from training.record import TrialRecord

if TYPE_CHECKING:  # torch takes seconds to load
    from sweep.planning.plan import Plan

Tell = Callable[[str], None]


def mark_of(plan: Plan, mark: RunMark) -> RunMark:
    """The run folder's mark with what the plan foresees, so that another shell knows what is missing."""
    pairs = tuple(
        PairMark(model=study.model, intermediate=study.intermediate.name, target=target, settings=plan.settings_of(study))
        for study in plan.studies
        for target in study.targets
    )
    return replace(
        mark,
        studies=tuple(study.label for study in plan.studies),
        trials=plan.trials(),
        seeds=tuple(plan.grid.seeds),
        pairs=pairs,
        budgets={study.label: plan.settings_of(study) for study in plan.studies},
        chained=tuple(sorted({row.train_first for row in plan.grid.rows.values() if row.train_first})),
        store="" if plan.store == plan.run / "phases" else str(plan.store),
        resources={
            "gpu": max(map(plan.gpus_of, plan.studies), default=0.0),
            "cpu": plan.grid.resources.cpu * plan.grid.resources.workers,
        },
        shares=dict(plan.shares),
        stopping=plan.grid.search.stopping is not None,
        left_out=tuple(PairMark(**pair._asdict(), settings=0) for pair in plan.left_out),
    )


def current_records(run: Path, mark: RunMark, tell: Tell = lambda line: None) -> list[TrialRecord]:
    """Records of the studies of the latest launch: those of an earlier form of the grid stay on disk and out of its tables.

    `tell` is given a line for each record that is damaged, and so left out.
    """
    records, damaged = readable_records(run, set_aside=False)
    for line in damaged:
        tell(line)
    return current_of(records, mark)


def current_of(records: Iterable[TrialRecord], mark: RunMark) -> list[TrialRecord]:
    """Those of the studies and seeds of the latest launch."""
    studies, seeds = set(mark.studies), set(mark.seeds)
    return [record for record in records if record.study in studies and record.seed in seeds]


def expectation_of(mark: RunMark) -> Expectation:
    """What the latest launch foresees, for the transfer tables."""
    settings = {Pair(pair.model, pair.intermediate, pair.target): pair.settings for pair in mark.pairs}
    left_out = tuple(Pair(pair.model, pair.intermediate, pair.target) for pair in mark.left_out)
    return Expectation(seeds=mark.seeds, settings=settings, stopping=mark.stopping, left_out=left_out)


def tables_from(records: Iterable[TrialRecord], mark: RunMark) -> list[TransferTable]:
    """The transfer tables of the latest launch's records, with what is still missing."""
    return transfer_tables(records, expectation_of(mark))


def tables_of(run: Path, tell: Tell = lambda line: None) -> list[TransferTable]:
    """The transfer tables of a run folder; `tell` as for `current_records`. Raises UserError when it is not one."""
    mark = read_mark(run)
    return tables_from(current_records(run, mark, tell), mark)
