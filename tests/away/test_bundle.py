"""A run folder travels in part: what changed comes, whole or not at all; what is no part of a run folder never does."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from sweep.away import bundle, fetching
from sweep.away.bundle import find_bundle, is_ours, listing, pack_to, unpack
from sweep.away.cluster import Job
from sweep.away.fetching import FETCHED, Fetched, fetch
from training.errors import StoreError, UserError

MARK = {"schema": 1, "sweep": "0123456789ab", "grid": "tiny"}
JOB = Job(id="x", state="SUCCEEDED", code=0, began=0, said="", metadata={}, machine="m")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    (folder / "records").mkdir(parents=True)
    (folder / "phases" / "a--1").mkdir(parents=True)
    (folder / "phases" / "a--1" / "model.safetensors").write_bytes(b"weights")
    (folder / "sweep.json").write_text(json.dumps(MARK))
    (folder / "stop.json").write_text("{}")
    (folder / ".holder").write_text("1")
    for name in ("one", "two"):
        (folder / "records" / f"{name}.json").write_text(name)
    with contextlib.closing(sqlite3.connect(folder / "optuna.db")) as base:
        base.execute("create table t (x)")
        base.commit()
    return folder


@pytest.fixture
def cluster(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster that packs here, and writes what Ray and a warning write before it."""

    @contextlib.contextmanager
    def done(cluster: object, words: list[str], more: dict[str, bytes]) -> Iterator[tuple[Job, IO[bytes]]]:
        (tmp_path / "known.json").write_bytes(more["known.json"])
        out = io.BytesIO(b"Running entrypoint for job x: y\na warning without an end")
        out.seek(0, io.SEEK_END)
        pack_to(Path(words[1]), tmp_path / "known.json", out)
        yield JOB, out

    monkeypatch.setattr(fetching, "done", done)
    return object()


def test_fetch_brings_records_and_databases_and_no_weights_requests_or_locks(cluster: Any, run: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    assert fetch(cluster, str(run), here).came == 4
    found = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith(".")} == {
        "sweep.json",
        "records/one.json",
        "records/two.json",
        "optuna.db",
    }
    assert FETCHED in found
    assert (here / "records" / "one.json").read_text() == "one"


def test_fetch_again_brings_what_changed_and_removes_what_went(cluster: Any, run: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    fetch(cluster, str(run), here)
    (here / "note.txt").write_text("mine")
    (run / "records" / "one.json").write_text("one more")
    (run / "records" / "two.json").unlink()
    assert fetch(cluster, str(run), here) == Fetched(came=1, bytes=8, already=2, gone=1)
    assert (here / "records" / "one.json").read_text() == "one more"
    assert not (here / "records" / "two.json").exists()
    assert (here / "note.txt").read_text() == "mine"


def test_file_that_was_lost_or_changed_here_comes_again(cluster: Any, run: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    fetch(cluster, str(run), here)
    (here / "records" / "one.json").unlink()
    (here / "records" / "two.json").write_text("edited by hand")
    assert fetch(cluster, str(run), here).came == 2
    assert (here / "records" / "two.json").read_text() == "two"


def test_database_that_is_written_to_comes_as_of_one_moment(cluster: Any, run: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(run / "optuna.db")) as base:
        base.execute("pragma journal_mode=wal")
        base.execute("insert into t values (1)")
        base.commit()
        base.execute("insert into t values (2)")  # not committed
        fetch(cluster, str(run), tmp_path / "here")
    with contextlib.closing(sqlite3.connect(tmp_path / "here" / "optuna.db")) as copy:
        assert copy.execute("select x from t").fetchall() == [(1,)]


def test_fetch_that_dies_half_way_is_made_good_by_the_next(
    cluster: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, write = tmp_path / "here", fetching._write

    def dies(path: Path, content: bytes) -> None:
        if path.name == "two.json":
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(fetching, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        fetch(cluster, str(run), here)
    monkeypatch.setattr(fetching, "_write", write)
    fetch(cluster, str(run), here)
    assert listing(here).keys() == listing(run).keys()


@pytest.mark.parametrize("name", ["sweep.json", "notes.md"])
def test_folder_that_no_fetch_made_is_refused_untouched(cluster: Any, run: Path, tmp_path: Path, name: str) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / name).write_text("mine")
    with pytest.raises(UserError, match="no fetch brought"):
        fetch(cluster, str(run), here)
    assert [path.name for path in here.iterdir()] == [name]


def test_folder_that_is_no_run_folder_is_told_with_the_cause(tmp_path: Path) -> None:
    out = io.BytesIO()
    with pytest.raises(SystemExit, match="2"):
        pack_to(tmp_path / "none", tmp_path / "known.json", out)
    assert b"this is not a run folder" in out.getvalue()


def test_bundle_that_was_cut_or_changed_is_refused(run: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    pack_to(run, tmp_path / "none", out)
    whole = out.getvalue()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"nothing of the kind\n"):
        with pytest.raises(StoreError, match="not whole"):
            find_bundle(io.BytesIO(broken))
    assert next(unpack(find_bundle(io.BytesIO(whole + b"\nmore"))))[0] == "manifest.json"


@pytest.mark.parametrize(
    "name",
    [
        "../x.json",
        "/etc/x.json",
        "records/../../x.json",
        ".fetched.json",
        "records/.x.json",
        "phases/a.json",
        "x.sh",
        "a\\b.json",
    ],
)
def test_name_that_leads_out_of_a_run_folder_or_is_no_part_of_one_is_refused(name: str) -> None:
    assert not is_ours(name)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name))
    stream.seek(0)
    with pytest.raises(StoreError, match="no run folder has"):
        list(unpack(stream))


def test_file_that_would_not_fit_into_memory_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST", 99)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("records/a.json")
        info.size = 100
        archive.addfile(info, io.BytesIO(bytes(100)))
    stream.seek(0)
    with pytest.raises(StoreError, match=r"records/a\.json is too large to be fetched") as fault:
        list(unpack(stream))
    assert fault.value.value == "100 bytes"
