"""The verb `submit`: predictions of the best chains on the test sets, in the files that XTREME's own script reads."""

from __future__ import annotations

from pathlib import Path

import click

from sweep.flags import FOLDER, run_flags
from sweep.options import data_folder, existing_run

_BENCHMARK = click.Choice(["xtreme", "xtreme-r", "mini"])


@click.command()
@run_flags
@click.option("--benchmark", type=_BENCHMARK, help="Whose tasks; else mini for a run of the mini world, xtreme for any other.")
@click.option("--out", type=FOLDER, metavar="DIR", help="The folder to write; else submissions/RUN-BENCHMARK.")
@click.option("--data", type=FOLDER, metavar="DIR", help="The data folder; else SWEEP_DATA, or that of the launch.")
@click.option("--partial", is_flag=True, help="Make what can be made, and say what is missing.")
@click.option(
    "--rule",
    type=click.Choice(["dev", "oracle"]),
    default="dev",
    show_default=True,
    help="Chains are chosen by English dev, or by the scores of what is predicted (labelled so).",
)
@click.option("--labels", type=FOLDER, metavar="DIR", help="Gold to score with, a folder a task; else what the test sets hold.")
@click.option("--zip", "zipped", is_flag=True, help="Pack the folder as well: DIR.zip, the same bytes for the same content.")
@click.option("--unscored", is_flag=True, help="LAReQA, too, which the official script does not score.")
@click.option("--check", "checked", type=FOLDER, metavar="DIR", help="Make nothing: check a folder that anybody has made.")
def submit(
    run: Path | None,
    grid: str | None,
    benchmark: str | None,
    out: Path | None,
    data: Path | None,
    partial: bool,
    rule: str,
    labels: Path | None,
    zipped: bool,
    unscored: bool,
    checked: Path | None,
) -> None:
    """Predict the test sets of a benchmark with the best chain for each target, checked for the official script.

    The same command goes on where it stopped. What is incomplete is refused, and all that is missing is named, with the command
    that gets it. Files are checked against the test sets: languages, lines, words of each sentence, ids, labels.
    """
    place = data_folder(data)
    if checked is not None:
        _check(checked, existing_run(run, grid) if run or grid else None, benchmark, place, partial=partial)
        return
    folder = existing_run(run, grid)
    from reports.selection import Rule
    from sweep.submission.progress import View
    from sweep.submission.saying import render
    from sweep.submission.submitting import Wishes, submit
    from sweep.words import print_rich, warn
    from training.errors import UserError

    if labels is not None and not labels.is_dir():
        raise UserError("the folder of labels is not there", labels, "name the folder that holds one folder a task")
    wishes = Wishes(
        run=folder,
        benchmark=benchmark,
        out=out,
        data=place,
        labels=labels,
        rule=Rule(rule),
        partial=partial,
        zipped=zipped,
        unscored=unscored,
    )
    with View() as view:
        done = submit(wishes, warn, view)
    print_rich(render(done))


def _check(folder: Path, run: Path | None, benchmark: str | None, data: Path | None, *, partial: bool) -> None:
    """Check a folder; of a run whose grid reads test files from other paths, --run says so."""
    from sweep.amounts import several
    from sweep.submission.checked import check_folder

    count = check_folder(folder, run, benchmark, data, partial=partial)
    click.echo(f"{several(count, 'file')}, all as the test sets want them")
