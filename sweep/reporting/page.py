"""A run folder's report: its page and its figures, from what the folder says now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.masking import masked

if TYPE_CHECKING:
    from reports.page.facts import Facts

PAGE = "report.html"
Tell = Callable[[str], None]


def write_page(folder: Path, page: Path, tell: Tell, *, all_effects: bool = False) -> str:
    """Write a run folder's page; returns what it has. Raises UserError where the folder is none, StoreError where it can't."""
    from reports.page.build import render_page
    from training.files.storage import write_atomically

    facts = facts_of(folder, tell, all_effects=all_effects)
    text = render_page(facts).encode()
    write_atomically(page, text)
    return f"{len(facts.records):,} records, {len(text) / 1e6:.1f} MB"


def write_fresh_page(folder: Path, tell: Tell) -> None:
    """Write the page in a run folder, unless there is one that is younger than the last record; raises as `write_page`."""
    from training.record import RECORDS

    page, records = folder / PAGE, folder / RECORDS
    with contextlib.suppress(OSError):
        if page.stat().st_mtime >= records.stat().st_mtime:
            return
    write_page(folder, page, tell)


def facts_of(folder: Path, tell: Tell, *, all_effects: bool = False) -> Facts:
    """What the page of a run folder says; raises UserError where it is none. What can't be read is told and shown."""
    from reports.page.conclusions import QUICK, concluded
    from reports.page.facts import Facts
    from reports.ranking.keeping import kept_signals
    from sweep.foreseen import current_of
    from sweep.records import waiting_trials
    from sweep.reporting.certainty import seen_in
    from sweep.reporting.importance import importances
    from sweep.reporting.studying import study_of
    from sweep.runfolder import read_mark
    from sweep.snapshots import model_sources

    damaged: list[str] = []

    def hear(line: str) -> None:
        damaged.append(masked(line))
        tell(line)

    mark, seen = read_mark(folder), seen_in(folder, hear)
    records = [replace(one, reason=masked(one.reason)) if one.reason else one for one in seen.records]
    facts = Facts(
        grid=mark.grid,
        tables=seen.tables,
        records=records,
        trials=mark.trials,
        waiting=len(current_of(waiting_trials(folder, set_aside=False)[0], mark)),
        unit=mark.unit,
        shares={study: mark.share_of(study) for study in {record.study for record in records}},
        importances=importances(records),
        signals=kept_signals(folder),
        design=study_of(folder),
    )
    return replace(concluded(facts, seen.arms, model_sources(folder), None if all_effects else QUICK), damaged=tuple(damaged))


def write_figures(folder: Path, out: Path) -> int:
    """Figures, LaTeX tables and CSV files of a run folder into `out`; returns how many. Raises StoreError, UserError."""
    from reports.figures import language_intervals, write_all
    from reports.statistics.families import adjusted
    from reports.statistics.transfer import interval_of_arms
    from sweep.reporting.certainty import seen_in
    from sweep.reporting.studying import finding_in, study_of
    from sweep.runfolder import read_mark

    mark, seen = read_mark(folder), seen_in(folder, lambda line: None)  # the page has told what is damaged
    intervals = interval_of_arms(seen.tables, seen.arms)
    written = write_all(
        seen.tables,
        intervals,
        out,
        records=seen.records,
        by_language=language_intervals(seen.tables, seen.records, folder, lambda line: None),
        adjusted=adjusted(intervals),
        share_of=mark.share_of,
        unit=mark.unit,
        finding=finding_in(seen, study_of(folder)),
    )
    return len(written)
