"""The verb `select`: what is shown of a choice, and where it is put."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sweep.flags import FOLDER, json_flag, run_flags
from sweep.options import existing_run
from sweep.words import EXIT_INCOMPLETE, EXIT_USER_ERROR, listing, print_rich, warn

if TYPE_CHECKING:
    from sweep.selecting.choosing import Selection


@click.command()
@run_flags
@click.option("--rule", type=click.Choice(["dev", "oracle"]), default="dev", help="English dev; or oracle, labelled so.")
@click.option("--target", "targets", multiple=True, metavar="TASK", help="This target alone; may be given again.")
@click.option("--model", metavar="NAME", help="Chains of this model alone.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Where the folders go; else RUN/selected.")
@click.option("--register/--no-register", default=True, help="Name them in MLflow's model registry.")
@click.option("--uri", metavar="URI", help="The tracker; else the one of the run folder.")
@click.option("--push", metavar="REPO", help="Put them on a hub, privately: OWNER/NAME-{target}.")
@click.option("--dry-run", is_flag=True, help="Show what would be chosen; write nothing.")
@json_flag
@click.pass_context
def select(
    ctx: click.Context,
    run: Path | None,
    grid: str | None,
    rule: str,
    targets: tuple[str, ...],
    model: str | None,
    out: Path | None,
    register: bool,
    uri: str | None,
    push: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Choose the best chain for each target and keep it as a model that transformers loads, with its card."""
    folder = existing_run(run, grid)
    from sweep.selecting.choosing import choose
    from sweep.selecting.keeping import keep

    chosen = choose(folder, rule, targets, model, tell=_tell)
    if not dry_run:
        chosen = keep(folder, chosen, out or folder / "selected", register=register, uri=uri, push=push, tell=_tell)
    if as_json:
        click.echo(json.dumps(chosen.payload(), indent=1, ensure_ascii=False))
    else:
        _show(chosen)
    if chosen.missing or chosen.failed:
        ctx.exit(EXIT_USER_ERROR if chosen.failed else EXIT_INCOMPLETE)


def _tell(line: str) -> None:
    warn(f"warning: {line}")


def _show(selection: Selection) -> None:
    from rich.markup import escape

    listed = listing("target", "intermediate", "model", "criterion", "score", "seed", "trial")
    for one in selection.chosen.values():
        columns = (one.pair.intermediate, one.pair.model, f"{one.criterion:.1f}", f"{one.score:.1f}", f"{one.seed}", one.trial)
        listed.add_row(f"[bold]{escape(one.target)}[/bold]", *map(escape, columns))
    print_rich(listed)
    for line in _lines(selection):
        click.echo(line)


def _lines(selection: Selection) -> Sequence[str]:
    bases = dict.fromkeys(one.basis for one in selection.chosen.values())
    lines = [f"chosen by {basis}" for basis in bases]
    lines += [f"{one.target}: {note}" for one in selection.chosen.values() for note in one.notes]
    lines += [f"{target}: nothing to choose: {reason}" for target, reason in selection.missing.items()]
    lines += [f"{target}: {fault}" for target, fault in selection.failed.items()]
    return [*lines, *selection.where]
