"""A run folder's files go to a bucket and come from there, whichever side has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import sweep.launch
from reports.ranking.judging import Signals
from reports.ranking.keeping import keep_signals, kept_signals
from sweep.bucket import files
from sweep.bucket.files import NOTE, address_of, bring_rankings, travels
from sweep.options import LaunchOptions
from tests.bucket.machines import NAME, content, folder, objects, put, recorded, take, there
from tests.sweep.plans import SMALL
from tests.training.bucket import ADDRESS, Server
from training.errors import DataError, StoreError
from training.record import paused_path, read_records, record_path
from training.stores.behind import local_store


def test_empty_machine_has_everything_that_was_put(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    record = recorded(one)
    (one / "optuna.db").write_bytes(b"x")
    assert put(one) == 2 and put(one) == 0
    assert take(other) == 1 and read_records(other) == [record]
    assert content(other) == content(one) == there(bucket)
    assert take(other) == 0 and put(other) == 0


def test_signals_of_a_ranking_come_before_a_plan_needs_them_and_go_with_the_rest(bucket: Server, tmp_path: Path) -> None:
    one, other, third = folder(tmp_path / "one"), folder(tmp_path / "other"), folder(tmp_path / "third")
    recorded(one)
    keep_signals(one, [Signals(model="mini", target="mini_udpos", values={"size": {"mini_nli": 96.0}})])
    put(one)
    bring_rankings(objects(other), other)
    assert kept_signals(other) == kept_signals(one) and len(content(other)) == 1
    keep_signals(other, [Signals(model="mini", target="mini_pawsx")])
    bring_rankings(objects(other), other)
    assert len(kept_signals(other)) == 2
    bring_rankings(objects(tmp_path / "of_nobody"), tmp_path / "of_nobody")
    assert not (tmp_path / "of_nobody").exists()
    assert take(third) == 1 and content(third) == content(one)


def test_launch_on_a_new_machine_has_the_signals_before_it_plans(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = folder(tmp_path / "one")
    recorded(one)
    keep_signals(one, [Signals(model="mini", target="mini_udpos")])
    put(one)
    grid, run = tmp_path / "small.yaml", tmp_path / "new" / NAME
    grid.write_text(SMALL + "rank: {measure: size, keep: 1}\n")

    def planned(*arguments: object, **options: object) -> None:
        raise DataError(f"{len(kept_signals(run))} kept", "", "")

    monkeypatch.setattr(sweep.launch, "prepare", planned)
    options = LaunchOptions(grid=str(grid), run=run, store=local_store(tmp_path / "cache", ADDRESS))
    with pytest.raises(DataError, match="1 kept"):
        sweep.launch.launch(options)


def test_machine_that_was_overtaken_takes_what_is_newer_and_keeps_what_it_never_put(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    recorded(one)
    put(one)
    take(other)
    newer = recorded(other, 0, score=70.125)
    put(other)
    late = recorded(one, 1)
    assert take(one) == 1
    assert {record.trial: record for record in read_records(one)} == {newer.trial: newer, late.trial: late}
    assert put(one) and content(one) == there(bucket)


def test_file_written_on_both_machines_is_that_of_the_later_launch(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    recorded(one)
    put(one)
    take(other)
    newer = recorded(other, 0, score=70.125)
    put(other)
    recorded(one, 0, score=10.0)
    take(one)
    assert read_records(one) == [newer]


def test_trial_that_waits_no_more_goes_from_the_bucket_and_from_other_machines(bucket: Server, tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    record = recorded(one)
    waiting = paused_path(one, record.trial)
    waiting.parent.mkdir()
    record_path(one, record.trial).rename(waiting)
    put(one)
    take(other)
    assert paused_path(other, record.trial).exists()
    recorded(one)
    waiting.unlink()
    put(one)
    take(other)
    assert not paused_path(other, record.trial).exists() and read_records(other) == [record]


def test_folder_that_is_gone_empties_nothing(bucket: Server, tmp_path: Path) -> None:
    one = folder(tmp_path / "one")
    record = recorded(one)
    put(one)
    shutil.copy(one / NOTE, tmp_path / NOTE)
    shutil.rmtree(one)
    one.mkdir()
    shutil.copy(tmp_path / NOTE, one / NOTE)
    assert put(one) == 0 and len(there(bucket)) == 2
    assert take(folder(tmp_path / "other")) == 1
    (one / NOTE).unlink()
    assert take(one) == 1 and read_records(one) == [record]


def test_bringing_that_is_cut_short_is_done_again(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    for number in range(3):
        recorded(one, number)
    put(one)
    bring, brought = files._bring, []

    def once(objects: object, run: Path, name: str) -> None:
        brought.append(name)
        if len(brought) > 2:
            raise StoreError("cut")
        bring(objects, run, name)

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(files, "_bring", once)
        take(other)
    assert brought[0] == "sweep.json" and (other / "sweep.json").exists()
    assert take(other) == 3 and content(other) == content(one)


def test_putting_that_is_cut_short_goes_on_where_it_was(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = folder(tmp_path / "one")
    for number in range(3):
        recorded(one, number)
    write, written = objects(one).write, []

    def twice(name: str, content: bytes) -> None:
        if len(written) == 2:
            raise StoreError("cut")
        written.append(name)
        write(name, content)

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(objects(one), "write", twice)
        put(one)
    assert len(there(bucket)) == 2 and put(one) == 2 and content(one) == there(bucket)


def test_names_of_run_folders_stay_apart() -> None:
    names = ["all", "my run", "my_run", "my-run", "a.b", "a_b"]
    assert len({address_of(ADDRESS, Path("runs") / name) for name in names}) == len(names)
    assert address_of(ADDRESS, Path("runs/all")) == f"{ADDRESS}/runs/all"


@pytest.mark.parametrize(
    "name", ["records/.x.json.ab.tmp", "records/a/b.json", "live/a.json", "stop.json", "../sweep.json", "a.db"]
)
def test_file_that_is_nobody_else_s_business_does_not_travel(name: str) -> None:
    assert not travels(name)
