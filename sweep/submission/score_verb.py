"""The verb `score`: what a submission is worth, by XTREME's own script and by what the metrics should be."""

from __future__ import annotations

from pathlib import Path

import click

from sweep.flags import json_flag
from sweep.words import EXIT_USER_ERROR, print_rich

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("predictions", type=_FOLDER)
@click.argument("labels", type=_FOLDER)
@click.option(
    "--benchmark", type=click.Choice(["xtreme", "xtreme-r", "mini"]), default="xtreme", help="Whose tasks; else xtreme."
)
@click.option("--scorer", type=click.Choice(["official", "clean", "both"]), default="both", help="Whose rules; else both.")
@click.option("--strict", is_flag=True, help="Exit with 2 on anything absent, and on any warning.")
@json_flag
@click.pass_context
def score(
    ctx: click.Context, predictions: Path, labels: Path, benchmark: str, scorer: str, strict: bool, as_json: bool
) -> None:
    """Score the folder PREDICTIONS against the folder LABELS, each with a folder a task: xnli/test-de.tsv and so on.

    What is absent is named. A file that can't be scored is an error, and the exit code 2; the rest is scored nevertheless.
    """
    from reports.scoring.board import Level, Scorer
    from reports.scoring.folders import score_folders
    from reports.scoring.render import board_json, message_lines, render_board
    from training.tasks.benchmarks import BENCHMARKS

    scorers = tuple(Scorer) if scorer == "both" else (Scorer(scorer),)
    board = score_folders(predictions, labels, BENCHMARKS[benchmark], scorers)
    if as_json:
        click.echo(board_json(board), nl=False)
    else:
        print_rich(render_board(board))
    for line in message_lines(board):
        click.echo(line, err=True)
    if board.count(Level.ERROR) or (strict and board.messages):
        ctx.exit(EXIT_USER_ERROR)
