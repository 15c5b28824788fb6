"""A sweep whose store has an object store behind it: where users say it, and what the search sees of it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweep.options import LaunchOptions, store_folder
from sweep.planning.commands import command_of
from sweep.runfolder import open_run
from sweep.search import index
from sweep.search.index import StoreIndex
from sweep.steering.requests import options_to_resume, write_options
from tests.sweep.plans import plan_of
from tests.training.bucket import ADDRESS, Server, bucket, forget, machine, server
from tests.training.stored import KEY, published
from training.errors import UserError
from training.stores.behind import TRUNKS, address_behind
from training.stores.store import PhaseStore

__all__ = ["bucket", "server"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    forget()
    monkeypatch.delenv("SWEEP_STORE", raising=False)
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_address_gives_a_local_store_below_the_cache_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = store_folder(ADDRESS)
    assert given is not None and given.is_relative_to(cache) and address_behind(given) == ADDRESS
    monkeypatch.setenv("SWEEP_STORE", ADDRESS + "/")
    assert store_folder(None) == given
    assert store_folder(cache / "folder") == cache / "folder" and address_behind(cache / "folder") == ""


def test_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError) as caught:
        store_folder("s3://name:secret@bucket/x")
    assert "secret" not in str(caught.value)


def test_command_to_go_on_with_names_the_address() -> None:
    assert f"--store {ADDRESS}" in command_of("launch", LaunchOptions(grid="tiny", store=store_folder(ADDRESS)))


def test_sweep_is_resumed_with_the_address_where_the_cache_folder_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    open_run(run, "tiny")
    write_options(run, LaunchOptions(grid="tiny", store=store_folder(ADDRESS)))
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "other"))
    forget()
    store = options_to_resume(run).store
    assert store is not None and store.is_relative_to(tmp_path / "other") and address_behind(store) == ADDRESS


def test_plan_names_each_machine_s_own_local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(plan_of(), phases=store_folder(ADDRESS), behind=ADDRESS)
    assert plan.store == plan.phases
    sent = pickle.dumps(plan)
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "worker"))
    forget()
    there = pickle.loads(sent)
    assert there.store.is_relative_to(tmp_path / "worker") and address_behind(there.store) == ADDRESS


def test_search_sees_what_other_machines_have_put_behind(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "EVERY", 0.0)
    head = StoreIndex(PhaseStore(machine(tmp_path / "head")))
    worker = PhaseStore(machine(tmp_path / "worker"))
    assert head.refresh() == set() and not head.has(KEY)
    published(worker)
    assert worker.behind is not None
    (tmp_path / "file").write_bytes(b"x")
    worker.behind.put(TRUNKS, "trunk@2", {"file": tmp_path / "file"}, step=3)
    assert head.refresh() == {KEY, "trunk@2"} and head.has(KEY) and head.has("trunk@2") and head.refresh() == set()


def test_search_keeps_what_it_knew_while_the_server_is_away(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "EVERY", 0.0)
    monkeypatch.setattr("training.stores.objects.WAITS", (0.0,))
    published(PhaseStore(machine(tmp_path / "worker")))
    head = StoreIndex(PhaseStore(machine(tmp_path / "head")))
    head.refresh()
    bucket.stop()
    try:
        assert head.refresh() == set() and head.has(KEY)
    finally:
        bucket.start()


def test_server_is_asked_now_and_then_only(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(index, "EVERY", 600.0)
    monkeypatch.setattr("training.stores.behind.Behind.keys", lambda self, kind: asked.append(kind) or frozenset())
    head = StoreIndex(PhaseStore(machine(tmp_path / "head")))
    for _ in range(50):
        head.refresh()
    assert len(asked) == 2


def test_options_of_a_launch_hold_no_folder_of_the_cache(tmp_path: Path) -> None:
    open_run(tmp_path / "run", "tiny")
    write_options(tmp_path / "run", LaunchOptions(grid="tiny", store=store_folder(ADDRESS)))
    assert json.loads((tmp_path / "run" / "launch.json").read_bytes())["options"]["store"] == ADDRESS
