"""A launch keeps its run folder in the bucket while it runs, and says what it could not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sweep.bucket.keeping import kept_behind, refuse_foreign_behind
from sweep.options import LaunchOptions
from sweep.steering.requests import STOP, read_request, write_options
from tests.bucket.machines import content, folder, objects, put, recorded, there
from tests.sweep.launches import eventually
from tests.training.bucket import ADDRESS, Server
from training.errors import UserError
from training.record import read_records


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have the server of a folder's files given up at once."""

    def hurry(run: Path) -> None:
        monkeypatch.setattr(objects(run), "_waits", (0.0,))
        monkeypatch.setattr("training.stores.objects.WAITS", (0.0,))

    return hurry


def test_record_is_behind_while_the_launch_still_runs(bucket: Server, tmp_path: Path) -> None:
    run, said = folder(tmp_path), []
    with kept_behind(ADDRESS, run, said.append):
        recorded(run)
        eventually(lambda: there(bucket) == content(run), "the record in the bucket", 20)
    assert said == []


def test_end_of_a_launch_waits_for_what_is_missing(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.bucket.keeping.LOOK", 1e9)
    run, said = folder(tmp_path), []
    with kept_behind(ADDRESS, run, said.append):
        recorded(run)
    assert there(bucket) == content(run) and said == []


def test_new_machine_begins_with_what_is_behind_and_says_so(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    said: list[str] = []
    record = recorded(one)
    put(one)
    with kept_behind(ADDRESS, other, said.append):
        assert read_records(other) == [record]
    assert said == [f"1 record came from {ADDRESS}/runs/all; another --run begins anew"]


def test_bucket_that_is_away_is_said_once_and_caught_up_with(
    bucket: Server, tmp_path: Path, impatient: Callable[[Path], None]
) -> None:
    run = folder(tmp_path)
    said: list[str] = []
    impatient(run)
    with kept_behind(ADDRESS, run, said.append):
        bucket.stop()
        try:
            recorded(run)
            eventually(lambda: said, "a line of the outage", 60)
        finally:
            bucket.start()
        eventually(lambda: len(said) > 1, "a line of its end", 60)
        assert there(bucket) == content(run)
    assert len(said) == 2 and "can't be put" in said[0] and "is back" in said[1]


def test_launch_that_ends_while_the_bucket_is_away_names_what_is_missing(
    bucket: Server, tmp_path: Path, impatient: Callable[[Path], None]
) -> None:
    run = folder(tmp_path)
    said: list[str] = []
    impatient(run)
    try:
        with kept_behind(ADDRESS, run, said.append):
            bucket.stop()
            recorded(run)
    finally:
        bucket.start()
    assert "2 files of the run folder (first sweep.json) could not be put" in said[-1]
    with kept_behind(ADDRESS, run, said.append):
        pass
    assert there(bucket) == content(run)


def test_request_to_stop_in_the_bucket_reaches_the_launch_that_it_means(bucket: Server, tmp_path: Path) -> None:
    run = folder(tmp_path)
    with kept_behind(ADDRESS, run, print):
        recorded(run)
        launch = write_options(run, LaunchOptions(grid="small"))
        for name in ("another", launch):
            objects(run).write(STOP, json.dumps({"launch": name, "now": True, "at": 0.0}).encode())
            eventually(lambda: objects(run).read(STOP) is None, "the launch to hear of it", 20)
            assert (read_request(run) is not None) == (name == launch)


def test_name_that_another_grid_or_sweep_has_in_the_bucket_is_refused(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    refuse_foreign_behind(ADDRESS, one, "small")
    recorded(one)
    put(one)
    refuse_foreign_behind(ADDRESS, one, "small")
    refuse_foreign_behind(ADDRESS, other, "small")
    with pytest.raises(UserError, match="another grid"):
        refuse_foreign_behind(ADDRESS, other, "large")
    recorded(other)
    with pytest.raises(UserError, match="another sweep"):
        refuse_foreign_behind(ADDRESS, other, "small")
