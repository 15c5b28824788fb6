"""`sweep services`: what runs on the head beside Ray."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sweep.flags import json_flag
from sweep.words import Verbs, warn

if TYPE_CHECKING:
    from sweep.services.place import Settings


@click.group(cls=Verbs)
def services() -> None:
    """PostgreSQL and MLflow on the head of a cluster: run, looked after, backed up, brought back."""


@services.command()
@click.option("--store", metavar="ADDRESS", help="For backups and MLflow's files; else SWEEP_SERVICES_STORE, SWEEP_BUCKET.")
@click.option("--port", type=click.IntRange(1, 65535), help="MLflow's port on the loopback; else as before, or 5000.")
@click.option("--backup-every", type=click.FloatRange(min=0.1), metavar="MINUTES", help="Else as before, or 15.")
@click.option("--empty", is_flag=True, help="Begin with empty databases, whatever backups there are.")
def start(store: str | None, port: int | None, backup_every: float | None, empty: bool) -> None:
    """Start both servers; a new head takes the newest good backup. Again, it is a no-op."""
    from sweep.services import starting
    from sweep.services.place import Settings, checked_store, default_store, place_here, read_settings

    place = place_here()
    before = read_settings(place)
    kept = checked_store(store) if store else before.store if before else default_store()
    settings = replace(before or Settings(store=kept), store=kept)
    if port:
        settings = replace(settings, port=port)
    if backup_every:
        settings = replace(settings, backup_minutes=backup_every)
    starting.start(place, settings, click.echo, empty=empty)


@services.command()
def stop() -> None:
    """Stop both servers; launches use files of their run folders then."""
    from sweep.services import starting
    from sweep.services.place import place_here

    starting.stop(place_here())
    click.echo("the services are stopped; what they hold is kept")


@services.command()
@json_flag
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Ask both servers, and show backups and room on the disk; exits with 1 where something does not work."""
    from sweep.services.place import place_here
    from sweep.services.standing import standing

    found = standing(place_here())
    if as_json:
        click.echo(json.dumps(found.payload, indent=1))
    else:
        click.echo("\n".join(found.lines))
    ctx.exit(0 if found.good else 1)


@services.command()
def backup() -> None:
    """Put both databases into the store now."""
    from sweep.services.backups import make_backup
    from sweep.services.place import place_here
    from sweep.services.shelf import shelf_of

    place = place_here()
    store = _started().store
    click.echo(f"backup {make_backup(place, shelf_of(store)).name} is in {store}")


@services.command()
@click.argument("name", required=False, metavar="[BACKUP]")
@click.option("--store", metavar="ADDRESS", help="Where the backups are; else where this head keeps its own.")
def restore(name: str | None, store: str | None) -> None:
    """Put a BACKUP (else the newest good one) in the databases' place, and start; what was there is kept aside."""
    from sweep.services import starting
    from sweep.services.place import Settings, checked_store, default_store, place_here, read_settings

    place = place_here()
    settings = read_settings(place) or Settings(store=default_store() if store is None else checked_store(store))
    starting.restore(place, replace(settings, store=checked_store(store)) if store else settings, warn, name)
    starting.start(place, settings, click.echo)


def _started() -> Settings:
    from sweep.services.place import place_here, read_settings
    from training.errors import UserError

    place = place_here()
    settings = read_settings(place)
    if settings is None:
        raise UserError("the services were never started here", place.folder, "sweep services start")
    return settings
