"""Backups of both databases: dumps first, a manifest last, so that one that was cut off counts as none.

    <store>/backups/dumps/<time>.<database>.dump     as `pg_dump --format=custom` writes it
    <store>/backups/manifests/<time>.json            size and sha256 of each dump

The newest 24 are kept, and the last one of each of the last 7 days that have any.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sweep.services.place import DATABASES, Place
from sweep.services.postgres import DatabaseError, connected, run_tool
from sweep.services.shelf import Shelf
from training.errors import UserError
from training.stores.objects import Sent

DUMPS, MANIFESTS = "backups/dumps", "backups/manifests"
NEWEST, DAYS = 24, 7
CUT_OFF = timedelta(days=1)
"""How old a dump without a manifest has to be before it counts as one whose writer is gone."""
SCHEMA, FORMAT = 1, "%Y%m%dT%H%M%S.%fZ"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Backup:
    """A backup that is there as a whole: its name (the time it was made at, UTC) and the dump of each database."""

    name: str
    dumps: dict[str, Sent]

    @property
    def made(self) -> datetime:
        """When it was made, UTC."""
        return made_at(self.name)


def made_at(name: str) -> datetime:
    """The time (UTC) in the name of a backup; raises ValueError on another name."""
    return datetime.strptime(name, FORMAT).replace(tzinfo=UTC)


def names(shelf: Shelf) -> list[str]:
    """Names of all backups, the newest first; nothing is read. Raises StoreError."""
    found = []
    for listed in shelf.names(MANIFESTS):
        with contextlib.suppress(ValueError):
            found.append(made_at(listed.removesuffix(".json")).strftime(FORMAT))
    return sorted(found, reverse=True)


def make_backup(place: Place, shelf: Shelf) -> Backup:
    """Dump both databases and put them away; one at a time on a machine. Raises UserError where that can't be done."""
    with _alone(place), tempfile.TemporaryDirectory(prefix="backup-", dir=place.folder) as held:
        name = datetime.now(UTC).strftime(FORMAT)
        dumps = {}
        for database in DATABASES:
            path = Path(held) / f"{database}.dump"
            run_tool(place, "pg_dump", "--format=custom", "--no-owner", f"--file={path}", database)
            run_tool(place, "pg_restore", "--list", path)  # one that can't be read must not become the newest
            dumps[database] = shelf.put_file(path, f"{DUMPS}/{name}.{database}.dump")
        sent = {database: asdict(dump) for database, dump in dumps.items()}
        manifest = {"schema": SCHEMA, "dumps": sent, "head": socket.gethostname()}
        shelf.write(f"{MANIFESTS}/{name}.json", json.dumps(manifest, indent=1).encode())
        _rotate(shelf)
        return Backup(name, dumps)


def read_backup(shelf: Shelf, name: str) -> Backup:
    """The backup of this name. Raises UserError where its manifest makes no sense or is of another version, StoreError."""
    content = shelf.read(f"{MANIFESTS}/{name}.json")
    try:
        held = json.loads(content or b"")
        if held["schema"] != SCHEMA:
            raise UserError("the backup is of another version of sweep", name, f"this one reads schema {SCHEMA}")
        return Backup(name, {database: Sent(**held["dumps"][database]) for database in DATABASES})
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("the backup's manifest is missing or damaged", name, "take an older one") from error


def bring_back(place: Place, data: Path, shelf: Shelf, backup: Backup) -> None:
    """Fill the running server's two databases from a backup, whatever they hold. Raises UserError, StoreError."""
    with tempfile.TemporaryDirectory(prefix="restore-", dir=place.folder) as held:
        for database, sent in backup.dumps.items():
            path = Path(held) / f"{database}.dump"
            if not shelf.get_file(sent, path):
                raise UserError("the backup is damaged: a dump is missing, or is not what was written", sent.object)
            with connected(place, "postgres") as server:
                server.execute(f'drop database if exists "{database}"')
                server.execute(f'create database "{database}"')
            words = ["--exit-on-error", "--single-transaction", "--no-owner", f"--dbname={database}", path]
            run_tool(place, "pg_restore", *words, data=data)


def bring_back_newest(place: Place, data: Path, shelf: Shelf, listed: Sequence[str], say: Say) -> str:
    """Fill the running server from the first of `listed` that is good; each that is not is said. Returns its name.

    Raises UserError when none is good, StoreError when the store does not answer.
    """
    for name in listed:
        try:
            bring_back(place, data, shelf, read_backup(shelf, name))
        except UserError as fault:
            if not isinstance(fault, DatabaseError) and type(fault) is not UserError:
                raise  # the store itself: what it does not give now is not damaged
            say(f"backup {name} can't be used ({fault.cause}: {fault.value}); taking the one before it")
            continue
        return name
    remedy = "begin with empty databases (sweeps fill them again from their records): sweep services start --empty"
    raise UserError(f"none of {len(listed)} backups can be brought back", listed[-1] if listed else "", remedy)


def kept(listed: Sequence[str]) -> set[str]:
    """Which of all backups rotation leaves: the newest, and the last of each of the last days that have any."""
    ordered = sorted(listed, reverse=True)
    last_of_day: dict[str, str] = {}
    for name in ordered:
        last_of_day.setdefault(name[:8], name)
    return {*ordered[:NEWEST], *list(last_of_day.values())[:DAYS]}


def _rotate(shelf: Shelf) -> None:
    """Remove what is not kept, the manifest first; and dumps that never got one."""
    listed = names(shelf)
    stay = kept(listed)
    for name in listed:
        if name not in stay:
            shelf.delete(f"{MANIFESTS}/{name}.json")
    for dump in shelf.names(DUMPS):
        name = dump.partition("Z.")[0] + "Z"
        with contextlib.suppress(ValueError):
            cut_off = name not in listed and datetime.now(UTC) - made_at(name) > CUT_OFF
            if (name in listed and name not in stay) or cut_off:
                shelf.delete(f"{DUMPS}/{dump}")


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[None]:
    with (place.folder / ".backup.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
