"""The verbs `sweep data list | show | prepare | verify`: where the tasks' data comes from, and what of it is here.

They import what they need when they run, so that help and completion answer at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sweep.flags import Verb, data_flag, grid_flag, json_flag
from sweep.options import DATA_VARIABLE, data_folder
from sweep.words import EXIT_USER_ERROR, Verbs, print_rich
from training.errors import UserError

_grid_flag = grid_flag("The tasks of a grid, with the files it names.")


def _complete_task(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from training.tasks.registry import ROWS

    return [CompletionItem(row.name) for row in ROWS.values() if row.name.startswith(incomplete) and not row.synthetic]


def _tasks_argument(verb: Verb) -> Verb:
    return click.argument("tasks", nargs=-1, metavar="[TASK]...", shell_complete=_complete_task)(verb)


def _needed_folder(given: Path | None) -> Path:
    folder = data_folder(given)
    if folder is None:
        raise UserError("no data folder was given", "", f"give --data DIR, or set {DATA_VARIABLE}")
    return folder.expanduser().absolute()


@click.group(cls=Verbs)
def data() -> None:
    """The tasks' data: what there is, fetching and checking it."""


@data.command("list")
@data_flag
@json_flag
def list_tasks(data: Path | None, as_json: bool) -> None:
    """List the tasks' data: where it comes from, licence, languages, and what of it is in the data folder."""
    from sweep.data.overview import overview, overview_table

    found = overview(data_folder(data))
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print_rich(overview_table(found))


@data.command()
@click.argument("task", shell_complete=_complete_task)
@data_flag
@_grid_flag
@json_flag
def show(task: str, data: Path | None, grid: str | None, as_json: bool) -> None:
    """Show one TASK's data: source, splits and languages with rows and labels, lengths, findings, an example."""
    from sweep.data.overview import rows_of
    from sweep.data.show import render_task, task_payload

    (row,) = rows_of([task], grid)
    payload = task_payload(row, data_folder(data))
    if as_json:
        click.echo(json.dumps(payload, indent=1, ensure_ascii=False))
    else:
        for part in render_task(payload, grid):
            print_rich(part)


@data.command()
@_tasks_argument
@data_flag
@_grid_flag
@click.option("--from", "origin", type=click.Choice(["hub", "native"]), help="Only from there; else native first.")
@click.option("--revision", "revisions", multiple=True, metavar="TASK=COMMIT", help="Pin a hub data set to another commit.")
@click.option("--workers", type=click.IntRange(1), help="How many files at once; else as many as processors, at most 8.")
def prepare(
    tasks: tuple[str, ...],
    data: Path | None,
    grid: str | None,
    origin: str | None,
    revisions: tuple[str, ...],
    workers: int | None,
) -> None:
    """Read or fetch the data of TASKs, check it, and write a manifest of each; goes on where it stopped.

    Without a task or a grid: the native files of every task that has some in the folder; nothing is fetched.
    """
    from sweep.data.overview import refuse_synthetic, rows_here, rows_of
    from sweep.data.progress import PrepareView
    from training.data.manifest import Origin
    from training.data.prepare import Wish, prepare

    folder = _needed_folder(data)
    rows = rows_of(tasks, grid) if tasks or grid else rows_here(folder)
    refuse_synthetic(rows)
    named = bool(tasks or grid)
    wish = Wish(
        rows=rows,
        data=folder,
        only=Origin(origin) if origin else None if named else Origin.NATIVE,
        revisions=_revisions(revisions),
        workers=workers or min(os.cpu_count() or 1, 8),
    )
    with PrepareView() as view:
        prepare(wish, view)


@data.command()
@_tasks_argument
@data_flag
@_grid_flag
@json_flag
@click.pass_context
def verify(ctx: click.Context, tasks: tuple[str, ...], data: Path | None, grid: str | None, as_json: bool) -> None:
    """Compute again what the manifests of TASKs (all, without any) say, and name every difference; exits with 2 on one."""
    from sweep.data.overview import verify_tasks

    found = verify_tasks(tasks, grid, _needed_folder(data))
    different = [difference for item in found for difference in item.differences]
    if as_json:
        from training.files.codec import to_payload

        click.echo(json.dumps(to_payload(found), indent=1, ensure_ascii=False))
    else:
        for line in _verification_lines(found):
            click.echo(line)
    for difference in [] if as_json else different:
        click.echo(f"different: {difference}", err=True)
    ctx.exit(EXIT_USER_ERROR if different else 0)


def _verification_lines(found: Iterable[Any]) -> Iterable[str]:
    for item in found:
        state = f"{len(item.differences)} differences" if item.differences else "as prepared"
        yield f"{item.task}: {item.units} files of a split and language, {state}"
        yield from (f"  note: {note}" for note in item.notes)


def _revisions(given: Iterable[str]) -> dict[str, str]:
    """Read `TASK=COMMIT` words; raises UserError on another form, and on a task given twice."""
    revisions: dict[str, str] = {}
    for word in given:
        task, _, revision = word.partition("=")
        if not (task and revision):
            raise UserError("--revision takes TASK=COMMIT", word, "for example --revision xnli=main to take what is newest")
        if task in revisions:
            raise UserError("--revision names a task twice", task, "give one commit a task")
        revisions[task] = revision
    return revisions
