"""The verb `report`: a run folder as one HTML page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sweep.flags import FOLDER, run_flags
from sweep.masking import masked
from sweep.options import existing_run
from sweep.words import warn

if TYPE_CHECKING:
    from reports.page.facts import Facts

PAGE = "report.html"


@click.command()
@run_flags
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=f"The page's file; else {PAGE} in the run folder.")
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write figures (PDF, SVG), LaTeX tables and CSV files there, too.")
@click.option("--effects", is_flag=True, help="Fit mixed models of any size: minutes, for thousands of languages and seeds.")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def report(run: Path | None, grid: str | None, out: Path | None, figures: Path | None, effects: bool, show: bool) -> None:
    """Write a run folder's report: one HTML page that needs nothing else, also while the sweep runs."""
    folder = existing_run(run, grid)
    from reports.page.build import render_page
    from training.errors import UserError
    from training.storage import write_atomically

    page = out or folder / PAGE
    if page.is_dir():
        raise UserError("--out names a folder", page, f"name a file: {page / PAGE}")
    if not page.parent.is_dir():
        raise UserError("the folder of --out is not there", page.parent, "make it, or name another file")
    facts = facts_of(folder, all_effects=effects)
    text = render_page(facts).encode()
    write_atomically(page, text)
    click.echo(f"{page}: {len(facts.records):,} records, {len(text) / 1e6:.1f} MB")
    if figures is not None:
        click.echo(f"{figures}: {write_figures(folder, figures)} files")
    if show:
        click.launch(str(page.absolute()))


def facts_of(folder: Path, *, all_effects: bool = False) -> Facts:
    """What the page of a run folder says; raises UserError where it is none. What can't be read is told and shown."""
    from reports.page.conclusions import QUICK, concluded
    from reports.page.facts import Facts
    from reports.ranking.keeping import kept_signals
    from sweep.certainty import seen_in
    from sweep.claims_verb import sources_of
    from sweep.importance import importances
    from sweep.outcome import current_of
    from sweep.runfolder import read_mark
    from sweep.tidy import waiting_trials

    damaged: list[str] = []

    def tell(line: str) -> None:
        damaged.append(masked(line))
        warn(f"warning: {line}")

    mark, seen = read_mark(folder), seen_in(folder, tell)
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
    )
    return replace(concluded(facts, seen.arms, sources_of(folder), None if all_effects else QUICK), damaged=tuple(damaged))


def write_figures(folder: Path, out: Path) -> int:
    """Figures, LaTeX tables and CSV files of a run folder into `out`; returns how many. Raises StoreError, UserError."""
    from reports.figures import language_intervals, write_all
    from reports.statistics.families import adjusted
    from reports.statistics.transfer import interval_of_arms
    from sweep.certainty import seen_in
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
    )
    return len(written)
