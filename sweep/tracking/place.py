"""Where the mirror is: its URI, its experiment, and how to open it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sweep.masking import masked
from sweep.runfolder import MARK, SCHEMA, read_mark
from training.errors import UserError

SQLITE = "sqlite:///"
DATABASE, ARTIFACTS, LOCK = "mlflow.db", "mlflow-artifacts", ".mlflow.lock"
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Where a database listens unless its address says otherwise."""
REACHING = 10.0
"""Seconds that its host has to answer."""
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""Settings of MLflow that hold unless the user's environment says otherwise: no chatter, and a server that is down is noticed
within seconds (a time-out in seconds)."""


class TrackingError(UserError):
    """MLflow can't be reached, or refuses what is written; the records are not touched by it."""


@dataclass(frozen=True, kw_only=True)
class SweepMeta:
    """What a run folder says of itself: the sweep's id and its grid."""

    sweep: str
    grid: str

    @property
    def experiment(self) -> str:
        """The MLflow experiment: one a grid, so that two sweeps of one grid can be compared."""
        return f"sweep {self.grid}"

    @property
    def name(self) -> str:
        """The parent run's name."""
        return self.sweep if self.sweep.startswith(self.grid) else f"{self.grid} {self.sweep}"


def read_meta(run_folder: Path) -> SweepMeta:
    """What the run folder's mark says; raises UserError when it has none, or one of another schema."""
    mark, path = read_mark(run_folder), run_folder / MARK
    if mark.schema != SCHEMA:
        raise UserError(f"{MARK} has another schema", path, f"this version reads schema {SCHEMA}")
    if not (mark.sweep and mark.grid):
        raise UserError(f"{MARK} does not name its sweep and its grid", path, "name the folder that `sweep launch` made")
    return SweepMeta(sweep=mark.sweep, grid=mark.grid)


def default_uri(run_folder: Path) -> str:
    """`MLFLOW_TRACKING_URI` where the user has set it, else a SQLite file in the run folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run_folder.resolve() / DATABASE}"


def artifact_root(uri: str, run_folder: Path) -> str | None:
    """Where a new experiment keeps its artifacts: in the run folder, unless a server decides."""
    return None if _is_server(uri) else (run_folder.resolve() / ARTIFACTS).as_uri()


def database_path(uri: str) -> Path | None:
    """The file of a SQLite address; None for any other."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]) if uri.startswith(SQLITE) else None


def database_file(uri: str) -> tuple[int, int] | None:
    """Which file a SQLite address stands for now (device and number); None where it is gone, and for any other address."""
    path = database_path(uri)
    try:
        seen = path.stat() if path is not None else None
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino) if seen is not None else None


def knock(uri: str) -> None:
    """Raises OSError where nobody listens at the host of a database's address; MLflow itself would try for minutes.

    An address without a host and a port of its own (a file, a socket, a cloud's) is left to MLflow.
    """
    place = urlsplit(uri)
    port = place.port or PORTS.get(place.scheme.partition("+")[0], 0)
    if place.hostname and port and not _is_server(uri):
        try:
            socket.create_connection((place.hostname, port), timeout=REACHING).close()
        except OSError as error:
            raise OSError(f"{place.hostname} port {port}: {error.strerror or error}") from error


def ui_command(run_folder: Path, uri: str | None = None, port: int = 5000) -> str:
    """The shell command that opens the MLflow page of a run folder, on this machine only."""
    where = uri or default_uri(run_folder)
    if _is_server(where):
        return f"python -m webbrowser {shlex.quote(re.sub('//[^@/]*@', '//', where))}"
    return f"mlflow ui --backend-store-uri {shlex.quote(masked(where))} --workers 1 --host 127.0.0.1 --port {port}"


def connect(uri: str) -> Any:
    """An MLflow client that keeps quiet; nothing is sent yet, except that a database is made where there is none.

    Raises OSError where nobody listens at a database's address.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    knock(uri)
    import mlflow

    for name in ("mlflow", "alembic", "sqlalchemy", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it prints a traceback of what it raises too
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def one_writer(run_folder: Path) -> Iterator[None]:
    """Keep two processes (a sweep, and `sweep sync` beside it) from creating the same run twice."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stream = stack.enter_context((run_folder / LOCK).open("w"))
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def tracking_errors(uri: str, run_folder: Path) -> Iterator[None]:
    """Turn whatever MLflow raises into a TrackingError that shows no password."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        first = (str(error) or type(error).__name__).strip().splitlines()[0]
        remedy = f"the records are complete; when MLflow is back: sweep sync --run {shlex.quote(str(run_folder))}"
        raise TrackingError(f"MLflow at {masked(uri)} does not answer as it should", masked(first)[:300], remedy) from error


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://", "databricks"))
