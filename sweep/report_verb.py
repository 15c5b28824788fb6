"""The verb `report`: a run folder as one HTML page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sweep.flags import run_flags
from sweep.masking import masked
from sweep.options import existing_run
from sweep.words import warn

if TYPE_CHECKING:
    from reports.page.facts import Facts

PAGE = "report.html"


@click.command()
@run_flags
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=f"The page's file; else {PAGE} in the run folder.")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def report(run: Path | None, grid: str | None, out: Path | None, show: bool) -> None:
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
    facts = facts_of(folder)
    text = render_page(facts).encode()
    write_atomically(page, text)
    click.echo(f"{page}: {len(facts.records):,} records, {len(text) / 1e6:.1f} MB")
    if show:
        click.launch(str(page.absolute()))


def facts_of(folder: Path) -> Facts:
    """What the page of a run folder says; raises UserError where it is none. What can't be read is told and shown."""
    from reports.frame import transfer_tables
    from reports.page.facts import Facts
    from reports.statistics.transfer import interval_of_each
    from sweep.importance import importances
    from sweep.outcome import current_of, expectation_of
    from sweep.runfolder import read_mark
    from sweep.tidy import readable_records, waiting_trials

    damaged: list[str] = []

    def tell(line: str) -> None:
        damaged.append(masked(line))
        warn(f"warning: {line}")

    mark = read_mark(folder)
    found, lines = readable_records(folder, set_aside=False)
    for line in lines:
        tell(line)
    records = [replace(record, reason=masked(record.reason)) if record.reason else record for record in current_of(found, mark)]
    tables = transfer_tables(records, expectation_of(mark))
    return Facts(
        grid=mark.grid,
        tables=tables,
        records=records,
        intervals=interval_of_each(tables, records, folder, tell),
        trials=mark.trials,
        waiting=len(current_of(waiting_trials(folder, set_aside=False)[0], mark)),
        unit=mark.unit,
        shares={study: mark.share_of(study) for study in {record.study for record in records}},
        importances=importances(records),
        damaged=tuple(damaged),
    )
