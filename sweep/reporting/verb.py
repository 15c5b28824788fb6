"""The verb `report`: a run folder as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from sweep.flags import FOLDER, run_flags
from sweep.options import existing_run
from sweep.words import warn


@click.command()
@run_flags
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="The page's file; else report.html in the run folder."
)
@click.option("--figures", type=FOLDER, metavar="DIR", help="Write figures (PDF, SVG), LaTeX tables and CSV files there, too.")
@click.option("--effects", is_flag=True, help="Fit mixed models of any size: minutes, for thousands of languages and seeds.")
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
def report(run: Path | None, grid: str | None, out: Path | None, figures: Path | None, effects: bool, show: bool) -> None:
    """Write a run folder's report: one HTML page that needs nothing else, also while the sweep runs."""
    folder = existing_run(run, grid)
    from sweep.reporting.page import PAGE, write_figures, write_page
    from training.errors import UserError

    page = out or folder / PAGE
    if page.is_dir():
        raise UserError("--out names a folder", page, f"name a file: {page / PAGE}")
    if not page.parent.is_dir():
        raise UserError("the folder of --out is not there", page.parent, "make it, or name another file")
    click.echo(f"{page}: {write_page(folder, page, lambda line: warn(f'warning: {line}'), all_effects=effects)}")
    if figures is not None:
        click.echo(f"{figures}: {write_figures(folder, figures)} files")
    if show:
        click.launch(str(page.absolute()))
