"""MLflow's page of a run folder, served from this machine's loopback for as long as somebody looks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sweep.away.tunnel import Way, end_group, free_port
from sweep.masking import masked
from sweep.tracking import default_uri
from sweep.tracking.place import ENVIRONMENT, database_path
from training.errors import UserError

PORT = 5000
STARTING = 120.0
"""Seconds that MLflow has to answer: it takes 10 on a quiet machine, and brings a database to its version first."""
ADDRESS_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
"""MLflow reads the database's address from it: it may hold a password, and words of a command are seen by everyone."""


def answers(address: str, path: str = "/health", seconds: float = 5.0) -> bool:
    """Whether a server answers there as it should; MLflow's health page by default."""
    try:
        with urllib.request.urlopen(address + path, timeout=seconds) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def refuse_nothing(uri: str, run: Path) -> None:
    """Raises UserError where the tracker of a run folder is a database that is not there: MLflow would make an empty one."""
    path = database_path(uri)
    if path is not None and not path.is_file():
        remedy = f"`sweep sync --run {run}` makes it of the records"
        raise UserError("this run folder has no MLflow database", path, remedy)


@contextlib.contextmanager
def served(run: Path) -> Iterator[Way]:
    """MLflow's page of a run folder, on a port of the loopback, as long as the block lasts.

    Raises UserError where there is no database, or MLflow does not start.
    """
    uri = default_uri(run)
    refuse_nothing(uri, run)
    port = free_port(PORT)
    words = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    own = {**ENVIRONMENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", ADDRESS_VARIABLE: uri}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:  # MLflow makes folders where it starts
        process = subprocess.Popen(
            words,
            env={**os.environ, **own},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        found = Way(f"http://127.0.0.1:{port}", process)
        try:
            _wait(found, said)
            yield found
        finally:
            end_group(process)


def _wait(found: Way, said: IO[bytes]) -> None:
    until = time.monotonic() + STARTING
    while found.open and time.monotonic() < until:
        if answers(found.address):
            return
        time.sleep(0.2)
    said.seek(0)
    lines = [line.strip() for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    raise UserError("MLflow does not start", masked(lines[-1])[:300] if lines else "it said nothing", "see docs/AWAY.md")
