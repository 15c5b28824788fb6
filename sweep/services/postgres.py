"""The PostgreSQL server of a head: where its programs are, how its data folder is made, and questions to it.

It listens on a socket alone and asks for a password, which is made once and lies in a file that libpq reads itself; so it is in
no command, no address and no log. PostgreSQL refuses to run as root; where the services do, it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.services.place import DATABASES, USER, Place
from training.errors import UserError

INSTALLED = Path("/usr/lib/postgresql")
ANSWER_SECONDS = 5
_WORDS = re.compile(r"(?im)^.*?(?:fatal|error|panic):\s*(.+)$")


class DatabaseError(UserError):
    """A program of PostgreSQL has failed, or the server does not answer."""


def programs(data: Path | None = None) -> Path:
    """The folder of PostgreSQL's programs: of the version that made `data`, else the newest. Raises UserError."""
    found = sorted((int(path.parent.name), path) for path in INSTALLED.glob("[0-9]*/bin") if (path / "initdb").exists())
    remedy = "bash cluster/setup_head.sh installs it (or: apt-get install postgresql)"
    with suppress(OSError):
        made = (data / "PG_VERSION").read_text().strip() if data else ""
        if made:
            for version, path in found:
                if str(version) == made:
                    return path
            remedy = f"install postgresql-{made}, or bring the newest backup to another version: sweep services restore"
            raise UserError("the databases were made by a PostgreSQL that is not installed", made, remedy)
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise UserError("PostgreSQL is not installed", remedy=remedy)
    return found[-1][1] if found else Path(on_path or "").parent


def server_user() -> str | None:
    """Who the server runs as, where that is not who asks."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise UserError("PostgreSQL does not run as root, and there is no user `postgres`", remedy="start it as another user")


def own(path: Path, mode: int) -> None:
    """Have a path belong to the server, and to nobody else."""
    path.chmod(mode)
    user = server_user()
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def environment(place: Place) -> dict[str, str]:
    """What PostgreSQL's programs find the server and the password by; nothing else of ours is told to them."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C", "PGHOST": str(place.run), "PGUSER": USER, "PGPASSFILE": str(place.secret)}


def run_tool(place: Place, tool: str, *words: object, as_server: bool = False, data: Path | None = None) -> str:
    """Run a program of PostgreSQL; returns what it printed. Raises DatabaseError with what it complained of."""
    done = subprocess.run(
        [str(programs(data or place.data) / tool), *map(str, words)],
        env=environment(place),
        user=server_user() if as_server else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        check=False,
    )
    if done.returncode:
        raise DatabaseError(f"{tool} failed", reason(done.stderr or done.stdout), _remedy(place, done.stderr))
    return done.stdout


def reason(text: str) -> str:
    """The first complaint in what a program said."""
    found = _WORDS.search(text)
    return (found[1] if found else text.strip().partition("\n")[0])[:300]


def _remedy(place: Place, text: str) -> str:
    if "No space left" in text:
        return "free some space on the head's disk, then give the same command again"
    return f"look at {place.logs / 'postgres.log'}, then give the same command again"


def make_server(place: Place, data: Path) -> None:
    """Make a password where there is none, and an empty data folder. Raises DatabaseError."""
    if not place.secret.exists():
        descriptor = os.open(place.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"*:*:*:{USER}:{secrets.token_urlsafe(32)}\n")
    data.mkdir(mode=0o700)
    own(data, 0o700)
    once = place.run / "password"
    try:
        descriptor = os.open(once, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(place.secret.read_text().rpartition(":")[2])
        own(once, 0o600)
        words = ["-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={once}", "-E", "UTF8", "--locale=C", "-k"]
        run_tool(place, "initdb", *words, as_server=True, data=data)
    finally:
        once.unlink(missing_ok=True)


def server_words(place: Place, data: Path) -> list[str]:
    """The command of the server: a socket that its owner alone may use, and no port."""
    options = {"listen_addresses": "", "unix_socket_directories": str(place.run), "unix_socket_permissions": "0700"}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return [str(programs(data) / "postgres"), "-D", str(data), *settings]


@contextmanager
def running(place: Place, data: Path) -> Iterator[None]:
    """A server on `data` for as long as the block takes, with both databases in it. Raises DatabaseError."""
    options = shlex.join(server_words(place, data)[3:])
    log = data / "first.log"
    run_tool(place, "pg_ctl", "-D", data, "-w", "-t", 60, "-l", log, "-o", options, "start", as_server=True, data=data)
    try:
        yield
    finally:
        run_tool(place, "pg_ctl", "-D", data, "-w", "-m", "fast", "stop", as_server=True, data=data)


def stop_leftover(place: Place) -> None:
    """End a server that nobody looks after any more."""
    with suppress(DatabaseError):
        if (place.data / "postmaster.pid").exists():
            run_tool(place, "pg_ctl", "-D", place.data, "-w", "-m", "fast", "stop", as_server=True)


@contextmanager
def connected(place: Place, database: str) -> Iterator[Any]:
    """A connection that commits each statement. Raises DatabaseError where the server does not answer within seconds."""
    import psycopg

    try:
        held = psycopg.connect(
            host=str(place.run),
            user=USER,
            dbname=database,
            passfile=str(place.secret),
            connect_timeout=ANSWER_SECONDS,
            options=f"-c statement_timeout={ANSWER_SECONDS}s",
            autocommit=True,
        )
        with held:
            yield held
    except psycopg.Error as error:
        said = str(error).strip() or type(error).__name__
        raise DatabaseError("PostgreSQL does not answer as it should", reason(said), _remedy(place, said)) from error


def answers(place: Place) -> None:
    """Ask both databases something. Raises DatabaseError."""
    for database in DATABASES:
        with connected(place, database) as held:
            held.execute("select 1").fetchone()


def make_databases(place: Place) -> None:
    """Make the databases that are not there. Raises DatabaseError."""
    with connected(place, "postgres") as held:
        there = {name for (name,) in held.execute("select datname from pg_database").fetchall()}
        for database in DATABASES:
            if database not in there:
                held.execute(f'create database "{database}"')
