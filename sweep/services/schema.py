"""The version of MLflow's tables, and bringing older ones to the version that is installed, before the server starts."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from sweep.services.place import MLFLOW, Place
from sweep.services.postgres import connected
from training.errors import UserError


def revisions() -> tuple[str, set[str]]:
    """The version of tables that the installed MLflow writes, and all that it knows."""
    from alembic.script import ScriptDirectory

    found = importlib.util.find_spec("mlflow")
    assert found is not None and found.origin is not None
    scripts = ScriptDirectory(str(Path(found.origin).parent / "store" / "db_migrations"))
    newest = scripts.get_current_head()
    assert newest is not None
    return newest, {script.revision for script in scripts.walk_revisions()}


def revision_of(place: Place) -> str:
    """The version of the tables that are there; empty where MLflow has made none yet. Raises DatabaseError."""
    with connected(place, MLFLOW) as held:
        if held.execute("select to_regclass('alembic_version')").fetchone()[0] is None:
            return ""
        row = held.execute("select version_num from alembic_version").fetchone()
        return str(row[0]) if row else ""


def is_old(place: Place) -> bool:
    """Whether the tables are older than the installed MLflow. Raises UserError where they are newer, or of nobody's."""
    there = revision_of(place)
    newest, known = revisions()
    if there and there not in known:
        remedy = "install the MLflow that wrote it (cluster/requirements.lock has it), or: sweep services restore BACKUP"
        raise UserError("MLflow's database was written by a newer MLflow than the one installed", there, remedy)
    return bool(there) and there != newest


def upgrade(place: Place) -> None:
    """Bring MLflow's tables to the installed version. Raises UserError with what MLflow complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", place.url(MLFLOW)],
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        remedy = "the databases are as they were before, and in the newest backup; install the MLflow that wrote them"
        raise UserError("MLflow's tables can't be brought to its version", said[-1][:300] if said else "", remedy)
