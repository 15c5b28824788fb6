"""Real PostgreSQL and MLflow on a head: started, started again, killed, backed up, and brought back on another head."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sweep.services import schema
from sweep.services.backups import DUMPS
from sweep.services.place import MLFLOW
from sweep.services.postgres import connected
from tests.services.heads import Head, add_experiment, names_in_mlflow
from tests.sweep.launches import eventually

pytestmark = pytest.mark.timeout(900)
slow, cluster = pytest.mark.slow, pytest.mark.cluster
Heads = Callable[[str | Path], Head]


@slow
def test_services_start_once_keep_their_secret_and_survive_the_death_of_what_looks_after_them(
    heads: Heads, tmp_path: Path
) -> None:
    head = heads(tmp_path / "store")
    assert "begin empty" in head.start()
    before = {name: head.pid(name) for name in ("postgres", "mlflow", "minder")}
    assert "begin empty" not in head.start()
    assert {name: head.pid(name) for name in before} == before
    status = head.status()
    assert status["good"] and status["free_bytes"] > 0, status
    secret = head.place.secret.read_text().strip().rpartition(":")[2]
    assert len(secret) > 30 and head.place.secret.stat().st_mode & 0o777 == 0o600
    files = (path for path in head.place.folder.glob("*") if path.is_file() and path != head.place.secret)
    assert secret not in head.logs() + "".join(head.commands()) + "".join(path.read_text() for path in files)
    for pid in before.values():
        assert secret.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    add_experiment(head.port, "kept")
    os.kill(int((head.place.folder / "supervisord.pid").read_text()), signal.SIGKILL)
    assert not head.status()["good"]
    head.start()
    assert "kept" in names_in_mlflow(head.port)
    assert head.run("stop").returncode == 0 and not head.place.environment.exists()
    eventually(lambda: not head.commands(), f"the end of {head.commands()}")


@cluster
def test_new_head_takes_the_newest_good_backup_and_says_which_is_damaged(heads: Heads, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = heads(store)
    first.start()
    add_experiment(first.port, "older")
    older = first.run("backup").stdout.split()[1]
    add_experiment(first.port, "newer")
    newest = first.run("backup").stdout.split()[1]
    first.kill()
    dump = store / DUMPS / f"{newest}.{MLFLOW}.dump"
    dump.write_bytes(dump.read_bytes()[:-100])
    second = heads(store)
    said = second.start()
    assert f"backup {newest} can't be used" in said and f"those of backup {older}" in said
    found = names_in_mlflow(second.port)
    assert "older" in found and "newer" not in found
    dump.unlink()
    (store / DUMPS / f"{older}.{MLFLOW}.dump").unlink()
    third = heads(store)
    done = third.run("start", "--store", store, "--port", third.port)
    assert done.returncode == 2 and "none of 2 backups" in done.stderr and "--empty" in done.stderr
    assert not third.place.data.exists() and "Traceback" not in done.stderr


@cluster
def test_tables_of_an_older_mlflow_are_backed_up_and_brought_up_and_those_of_a_newer_refused(
    heads: Heads, tmp_path: Path
) -> None:
    head = heads(tmp_path / "store")
    head.start()
    newest, _ = schema.revisions()
    assert schema.revision_of(head.place) == newest
    with connected(head.place, MLFLOW) as held:
        held.execute("drop schema public cascade")
        held.execute("create schema public")
    _older_tables(head.place.url(MLFLOW))
    older = schema.revision_of(head.place)
    assert older != newest and schema.is_old(head.place)
    said = head.start()
    assert "of an older version" in said and schema.revision_of(head.place) == newest
    assert len(head.status()["backups"]) == 1
    with connected(head.place, MLFLOW) as held:
        held.execute("update alembic_version set version_num = 'fromthefuture'")
    done = head.run("start")
    assert done.returncode == 2 and "newer MLflow" in done.stderr and "fromthefuture" in done.stderr
    back = head.run("restore")
    assert back.returncode == 0, back.stderr
    assert "what was there is in" in back.stderr and schema.revision_of(head.place) == newest


def _older_tables(url: str) -> None:
    """MLflow's tables as the version before its newest made them."""
    import sqlalchemy
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    engine = sqlalchemy.create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    config = _get_alembic_config(url)
    scripts = ScriptDirectory.from_config(config)
    last = scripts.get_revision(scripts.get_current_head())
    assert isinstance(last.down_revision, str)
    command.upgrade(config, last.down_revision)


@slow
def test_port_that_is_taken_is_the_users_fault_and_another_one_is_used(heads: Heads, tmp_path: Path) -> None:
    head = heads(tmp_path / "store")
    with socket.create_server(("127.0.0.1", 0)) as other:
        head.port = other.getsockname()[1]
        done = head.run("start", "--store", head.store, "--port", head.port)
    assert done.returncode == 2 and "port is in use" in done.stderr and "--port" in done.stderr
    assert not head.place.data.exists() and not head.commands()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    return place


@slow
def test_full_disk_is_said_before_anything_is_made(heads: Heads, small_disk: Path, tmp_path: Path) -> None:
    head = heads(tmp_path / "store")
    try:
        done = head.run("start", "--store", head.store, SWEEP_SERVICES=str(small_disk))
        assert done.returncode == 2 and "nearly full" in done.stderr and "SWEEP_SERVICES" in done.stderr
    finally:
        subprocess.run(["umount", "-l", str(small_disk)], check=True)
    shutil.rmtree(small_disk)
