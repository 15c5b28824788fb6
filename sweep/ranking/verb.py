"""The verb `rank`: which intermediate tasks to try for a target, by signals that need no target phase."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sweep.flags import json_flag, launch_flags
from sweep.options import LaunchOptions, data_folder, model_folders, store_folder
from sweep.words import listing, print_rich, warn

if TYPE_CHECKING:
    from reports.ranking.judging import Judged, Ranking, Summary


@click.command()
@launch_flags
@click.option("--target", "targets", multiple=True, metavar="TASK", help="This target alone; may be given again.")
@click.option("--examples", type=click.IntRange(10), default=500, show_default=True, help="Examples that are looked at.")
@json_flag
def rank(
    grid: str,
    data: Path | None,
    run: Path | None,
    store: str | None,
    models: tuple[str, ...],
    targets: tuple[str, ...],
    examples: int,
    as_json: bool,
) -> None:
    """Rank intermediate tasks for each target by cheap signals, and by what has been run how good such a ranking was."""
    options = LaunchOptions(grid=grid, data=data_folder(data), run=run, models=model_folders(models), store=store_folder(store))
    from sweep.ranking.ranks import rankings

    found = rankings(options, targets, examples, tell=None if as_json else lambda line: warn(line))
    if as_json:
        click.echo(json.dumps([one.payload() for one in found], indent=1, ensure_ascii=False))
        return
    for one in found:
        _show(one)
    _show_means(found)
    from reports.ranking.judging import MEANS

    click.echo()
    for measure in dict.fromkeys(measure for one in found for measure in one.signals.values):
        click.echo(f"{measure}: {MEANS[measure]}")


def _show(one: Ranking) -> None:
    from rich.markup import escape

    signals = one.signals
    click.echo(f"\n{signals.target}, by {signals.model} ({signals.examples} examples, {signals.seconds:.1f} s)")
    names = list(dict.fromkeys(name for values in signals.values.values() for name in values))
    listed = listing("intermediate", *signals.values)
    for name in names:
        cells = []
        for measure, values in signals.values.items():
            place = f" ({one.orders[measure].index(name) + 1})" if name in one.orders[measure] else ""
            cells.append(f"{values[name]:.4g}{place}" if name in values else "")
        listed.add_row(f"[bold]{escape(name)}[/bold]", *cells)
    print_rich(listed)
    for each in one.judged:
        click.echo(f"  {each.measure}: {_verdict(each)}, over {each.tasks} tasks")
    for what, why in signals.missing.items():
        click.echo(f"  without {what}: {why}")


def _show_means(found: Sequence[Ranking]) -> None:
    """How good each measure was over the targets of a model."""
    from reports.ranking.judging import summaries

    for model in dict.fromkeys(one.signals.model for one in found):
        means = summaries(one for one in found if one.signals.model == model)
        if means:
            click.echo(f"\nmeans over targets, by {model}")
        for each in means:
            click.echo(f"  {each.measure}: {_verdict(each)}, over {each.targets} targets")


def _verdict(judged: Judged | Summary) -> str:
    """Regret beside that of chance, and the correlation where there is one."""
    told = [f"regret@{k} {value:.1f} % (chance {judged.chance[k]:.1f} %)" for k, value in judged.regret.items()]
    rho = [] if judged.correlation is None else [f"rank correlation {judged.correlation:+.2f}"]
    return ", ".join([*told, *rho])
