"""The command `sweep`: one verb for each thing a user does with a sweep.

Every verb imports what it needs when it runs, so that help and completion answer at once. A `UserError` is shown as cause,
value and remedy, and exits with 2; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from sweep.away.verbs import fetch, logs, ui
from sweep.data.verbs import data as data_verbs
from sweep.flags import (
    budget_flags,
    down_flag,
    json_flag,
    launch_flags,
    notify_flag,
    on_flag,
    price_flag,
    retry_flag,
    run_flags,
)
from sweep.gc.verb import gc
from sweep.masking import masked, out_of_sight
from sweep.options import (
    NOTIFY_VARIABLE,
    LaunchOptions,
    data_folder,
    existing_run,
    gpu_price,
    model_folders,
    notify_address,
    store_folder,
)
from sweep.ranking.verb import rank
from sweep.reporting.claims_verb import claims
from sweep.reporting.study_verb import study
from sweep.reporting.verb import report
from sweep.selecting.verb import select
from sweep.services.verbs import services
from sweep.simulate.verb import simulate
from sweep.steering.verbs import resume, status, stop
from sweep.submission.score_verb import score
from sweep.submission.verb import submit
from sweep.words import Verbs, complete_trial, listing, warn
from sweep.words import print_rich as _show


def _show_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"sweep {version('sweep')}")
    except PackageNotFoundError:
        click.echo("sweep, run from a checkout that is not installed")
    ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version.")
def main() -> None:
    """Sweeps over chains of pretraining, intermediate tasks and targets, and their zero-shot transfer to other languages.

    A first run: sweep launch --grid demo
    """
    from sweep.services.using import take_up

    take_up()


@main.command()
@launch_flags
@click.option("--executor", type=click.Choice(["auto", "inline", "train"]), help="How trials run; else as the grid says.")
@notify_flag
@budget_flags
@retry_flag
@on_flag
@down_flag
@click.pass_context
def launch(
    ctx: click.Context,
    grid: str,
    data: Path | None,
    run: Path | None,
    store: str | None,
    models: tuple[str, ...],
    executor: str | None,
    notify: str | None,
    budget_gpu_hours: float | None,
    max_cost: float | None,
    price: float | None,
    deadline: str | None,
    retry_failed: bool,
    on: str | None,
    down: bool,
) -> None:
    """Run a sweep; the same command again goes on where it stopped, or finds the job that runs."""
    from sweep.away.place import find_place, settle_here
    from training.stores.objects import is_address

    place = find_place(on)
    away = place.away
    options = LaunchOptions(
        grid=grid,
        data=data if away else data_folder(data),
        run=run,
        executor=executor,
        models=model_folders(models, here=not away),
        store=Path(store) if store and away and not is_address(store) else store_folder(store),
        notify=notify if away else notify_address(notify),
        budget_gpu_hours=budget_gpu_hours,
        max_cost=max_cost,
        price=gpu_price(price),
        deadline=deadline,
        retry_failed=retry_failed,
    )
    from sweep.planning.limits import limits_of

    limits_of(options)
    if away:
        from sweep.away.launching import launch_away

        ctx.exit(launch_away(options, place, down=down))
    if down:
        from sweep.away.down import refuse_down

        refuse_down(place)
    out_of_sight("--notify", notify, NOTIFY_VARIABLE)
    settle_here(place)
    from sweep.launch import launch as run_sweep

    ctx.exit(run_sweep(options, where=place.says))


@main.command()
@launch_flags
@price_flag
@click.option("--gpu", metavar="NAME", help="Estimate for this GPU: H200, or A100:80 with its GB; else this machine's.")
@click.option(
    "--calibrate", type=float, metavar="SECONDS", help="Measure this machine by training for so long; stores nothing."
)
@click.option("--compare", is_flag=True, help="Count the tokens of this and of other ways to run the grid.")
@json_flag
def plan(
    grid: str,
    data: Path | None,
    run: Path | None,
    store: str | None,
    models: tuple[str, ...],
    price: float | None,
    gpu: str | None,
    calibrate: float | None,
    compare: bool,
    as_json: bool,
) -> None:
    """Show what a sweep would train, share, reuse and cost, without running it; data need not be here."""
    options = LaunchOptions(
        grid=grid,
        data=data_folder(data),
        run=run,
        models=model_folders(models),
        store=store_folder(store),
        price=gpu_price(price),
    )
    from sweep.planning.showing import print_comparison, print_plan

    if compare:
        print_comparison(options, as_json=as_json)
    else:
        print_plan(options, as_json=as_json, gpu=gpu, calibrate=calibrate)


for verb in (rank, status, logs, stop, resume, fetch, ui):
    main.add_command(verb)


@main.command()
@run_flags
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet.")
@click.option("--markdown", "as_markdown", is_flag=True, help="For a document, every language with it.")
@click.option("--intervals", is_flag=True, help="How sure each number is.")
@json_flag
def table(run: Path | None, grid: str | None, as_csv: bool, as_markdown: bool, intervals: bool, as_json: bool) -> None:
    """Show the transfer table: what each intermediate task gives to each target."""
    folder = existing_run(run, grid)
    if intervals:
        _show_intervals(folder, as_json)
        return
    from reports.languages import languages_markdown
    from reports.table import render_transfer, transfer_csv, transfer_json, transfer_markdown
    from sweep.foreseen import tables_of

    tables = tables_of(folder, tell=lambda line: warn(f"warning: {line}"))
    if as_markdown:
        click.echo(transfer_markdown(tables) + "\n" + languages_markdown(tables), nl=False)
    elif as_csv or as_json:
        click.echo(transfer_csv(tables) if as_csv else transfer_json(tables), nl=False)
    else:
        _show(render_transfer(tables))


def _show_intervals(folder: Path, as_json: bool) -> None:
    from reports.intervals import intervals_text, render_intervals
    from sweep.reporting.certainty import intervals_and_averages

    found = intervals_and_averages(folder, tell=lambda line: warn(f"warning: {line}"))
    if as_json:
        click.echo(intervals_text(*found), nl=False)
    else:
        _show(render_intervals(*found))


main.add_command(report)


@main.command()
@click.argument("trial", shell_complete=complete_trial)
@run_flags
@json_flag
def show(trial: str, run: Path | None, grid: str | None, as_json: bool) -> None:
    """Show one TRIAL: its phases, settings, selection and scores. The beginning of its name is enough."""
    folder = existing_run(run, grid)
    from reports.show import find_record, render_trial
    from training.files.codec import to_payload

    record = find_record(folder, trial)
    if as_json:
        click.echo(json.dumps(to_payload(record), indent=1, ensure_ascii=False))
    else:
        _show(render_trial(record))


@main.command()
@run_flags
@click.option("--uri", metavar="URI", help="The tracker; else the one of the run folder.")
@click.pass_context
def sync(ctx: click.Context, run: Path | None, grid: str | None, uri: str | None) -> None:
    """Bring the tracker (MLflow) to what the records say."""
    folder = existing_run(run, grid)
    from sweep.tracking import sync as mirror
    from sweep.tracking import ui_command

    report = mirror(folder, uri)
    click.echo(f"{len(report.mirrored)} trials mirrored, {len(report.already)} there already, in {masked(report.uri)}")
    click.echo(f"look at it with: {ui_command(folder, uri)}")
    for line in report.damaged:
        warn(line)
    for trial, reason in report.failed:
        click.echo(f"failed: {trial}: {masked(reason)}", err=True)
    if report.page:
        click.echo(f"not up to date: the sweep's own page (table, picture, views): {report.page}", err=True)
    ctx.exit(1 if report.failed or report.page else 0)


for verb in (study, claims, select, submit, score, gc, services, simulate):
    main.add_command(verb)


@main.command()
def grids() -> None:
    """List the shipped grids."""
    from rich.markup import escape

    from search_spaces.catalogue import abouts

    listed = listing("grid", "about")
    for name, about in abouts().items():
        listed.add_row(f"[bold]{escape(name)}[/bold]", escape(about))
    _show(listed)


@main.command()
def tasks() -> None:
    """List the tasks that a grid can name."""
    from rich.markup import escape

    from training.tasks.registry import ROWS

    listed = listing("task", "kind", "place", "trained on", "scored on", "metric", "lang.")
    for row in ROWS.values():
        place = ", ".join(name for name, there in (("intermediate", row.intermediate), ("target", row.target)) if there)
        trained_on = ("itself" if row.training_row == row.name else row.training_row) if row.trained else "nothing"
        columns = (row.kind.replace("_", " "), place or "pretraining", trained_on, row.scored_on, row.metric)
        listed.add_row(f"[bold]{escape(row.name)}[/bold]", *map(escape, columns), f"{len(row.languages)}")
    _show(listed)


main.add_command(data_verbs)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a SHELL, for example: eval "$(sweep completion bash)"."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None or (shell == "bash" and shutil.which("bash") is None):
        raise click.ClickException(f"click has no completion for {shell} here")
    click.echo(kind(main, {}, "sweep", "_SWEEP_COMPLETE").source())
