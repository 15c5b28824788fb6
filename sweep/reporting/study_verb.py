"""The verb `study`: what a sweep says of the question that its grid was made for."""

from __future__ import annotations

from pathlib import Path

import click

from sweep.flags import json_flag, run_flags
from sweep.options import existing_run
from sweep.words import print_rich, warn


@click.command()
@run_flags
@click.option(
    "--languages",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Groups of languages: a file with lines code,group; else languages.csv of the run folder, else resource bands.",
)
@json_flag
def study(run: Path | None, grid: str | None, languages: Path | None, as_json: bool) -> None:
    """Answer the question of the grid's study: effects with intervals, and what would change the answer."""
    folder = existing_run(run, grid)
    from reports.studies.show import finding_json, render_finding
    from sweep.reporting.certainty import seen_in
    from sweep.reporting.studying import finding_in, study_of
    from training.errors import UserError

    design = study_of(folder, languages)
    if design is None:
        raise UserError("the grid of this run names no study", folder, f"give the grid `study:` one of {', '.join(_names())}")
    found = finding_in(seen_in(folder, tell=lambda line: warn(f"warning: {line}")), design)
    if found is None:
        raise UserError("no analysis is known for this study", design.study, f"known are {', '.join(_names())}")
    if as_json:
        click.echo(finding_json(found), nl=False)
    else:
        print_rich(render_finding(found))


def _names() -> list[str]:
    from reports.studies.registry import ANALYSES

    return list(ANALYSES)
