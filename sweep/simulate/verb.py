"""The verb `sweep simulate`: a sweep in virtual time, by the code that runs the real one."""

from __future__ import annotations

import click

from sweep.flags import grid_flag, json_flag
from training.errors import UserError

_RATE = click.FloatRange(0, 60)
_POSITIVE = click.FloatRange(0, min_open=True)


def _counts(ctx: click.Context, param: click.Parameter, given: str) -> tuple[int, ...]:
    """Numbers of GPUs, with commas or spaces between them."""
    words = given.replace(",", " ").split()
    if not words or not all(word.isdigit() and int(word) for word in words):
        raise UserError("--gpus takes whole numbers above 0", given, "for example --gpus 1,8,64")
    return tuple(dict.fromkeys(map(int, words)))


@click.command()
@grid_flag("A shipped grid, or a file; its data and models need not be here.", required=True)
@click.option("--gpus", default="1,8,64,512", show_default=True, metavar="N,...", callback=_counts, help="Sizes of cluster.")
@click.option("--trials", type=click.IntRange(1), metavar="N", help="Settings a pair; else as the grid says.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of faults and curves: the same one replays a run.")
@click.option(
    "--curves", type=click.Choice(["measured", "power"]), default="measured", show_default=True, help="Where scores come from."
)
@click.option("--rate", type=_POSITIVE, default=150_000, show_default=True, help="Training tokens a second and GPU.")
@click.option("--preempt", type=_RATE, default=0.05, show_default=True, help="Preemptions an hour and GPU.")
@click.option("--fail", type=_RATE, default=0.01, show_default=True, help="Failures an hour and GPU.")
@click.option("--joins", type=click.FloatRange(0), default=300, show_default=True, help="Seconds until all workers are there.")
@click.option("--deaths", type=_RATE, default=0, help="Deaths of the search itself an hour; it goes on from its records.")
@click.option("--loses", type=_RATE, default=0, help="Phases an hour that the store loses.")
@json_flag
@click.pass_context
def simulate(
    ctx: click.Context,
    grid: str,
    gpus: tuple[int, ...],
    trials: int | None,
    seed: int,
    curves: str,
    rate: float,
    preempt: float,
    fail: float,
    joins: float,
    deaths: float,
    loses: float,
    as_json: bool,
) -> None:
    """Run a sweep in virtual time, and a plain queue on the same cluster: utilisation, makespan, cost of the search."""
    from search_spaces.reading import load_grid
    from sweep.simulate import table
    from sweep.simulate.arms import Scenario, simulated
    from sweep.words import print_rich

    read = load_grid(grid)
    if trials is not None:
        read = read.model_copy(update={"search": read.search.model_copy(update={"trials": trials})})
    scenario = Scenario(
        seed=seed,
        curve_seed=seed,
        curves=curves,
        rate=rate,
        preempt=preempt,
        fail=fail,
        joins=joins,
        deaths=deaths,
        loses=loses,
    )
    results = list(simulated(read, gpus, scenario))
    if as_json:
        click.echo(table.as_json(read.name, results, scenario))
    else:
        print_rich(table.render(results))
        click.echo()
        for line in table.notes(results, scenario):
            click.echo(line)
    wrong = [line for item in results for line in item.figures.wrong]
    for line in wrong:
        click.echo(f"not done exactly once: {line}", err=True)
    ctx.exit(1 if wrong else 0)
