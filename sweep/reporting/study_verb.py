"""The verb `study`: what a sweep says of the question that its grid was made for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sweep.flags import json_flag, run_flags
from sweep.options import existing_run
from sweep.words import print_rich, warn

if TYPE_CHECKING:
    from reports.studies.design import Design
    from reports.studies.finding import Finding
    from sweep.reporting.certainty import Seen


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


def study_of(folder: Path, languages: Path | None = None) -> Design | None:
    """What a run folder's grid varies, with groups of languages from a file; raises UserError where that can't be read."""
    from reports.studies.groups import FILE, read_groups
    from sweep.reporting.studying import design_of

    design = design_of(folder)
    own = folder / FILE
    path = languages or (own if own.is_file() else None)
    return replace(design, groups=read_groups(path)) if design is not None and path is not None else design


def finding_in(seen: Seen, design: Design | None) -> Finding | None:
    """What the records say of a study; None where the grid names none."""
    from reports.studies.registry import finding_of

    return finding_of(design, seen.tables, seen.arms, seen.records) if design is not None else None


def _names() -> list[str]:
    from reports.studies.registry import ANALYSES

    return list(ANALYSES)
