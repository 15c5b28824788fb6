"""Phases with an object store behind them: several machines, each with a local store of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from tests.training.bucket import ADDRESS, HOST, NAME, Server, Way, bucket, forget, machine, server
from tests.training.stored import IDENTITY, KEY, Reports, published, trace
from training.errors import StoreError
from training.files.tensorfile import write_tensors
from training.stores.behind import CHECKPOINTS, PHASES, Behind, behind_of
from training.stores.leftovers import clear_leftovers, half_written
from training.stores.objects import ObjectStore
from training.stores.store import WEIGHTS, PhaseStore, StoredPhase, verify

__all__ = ["bucket", "server"]


def behind(root: Path) -> Behind:
    found = behind_of(root)
    assert found is not None
    return found


def content(stored: StoredPhase | None) -> dict[str, bytes]:
    assert stored is not None
    verify(stored.folder)
    return {path.name: path.read_bytes() for path in sorted(stored.folder.iterdir())}


def weighing(store: PhaseStore, value: float, size: int = 64) -> StoredPhase:
    return store.publish(
        KEY, IDENTITY, trace(), lambda folder: write_tensors(folder / WEIGHTS, {"a": torch.full((size,), value)}, {})
    )


def test_phase_published_on_one_machine_is_found_on_another(bucket: Server, tmp_path: Path) -> None:
    here, there = PhaseStore(machine(tmp_path / "here")), PhaseStore(machine(tmp_path / "there"))
    assert there.find(KEY) is None and not there.has(KEY)
    stored = published(here)
    assert there.has(KEY) and there.folder_of(KEY) is None
    found = there.find(KEY)
    assert content(found) == content(stored) and found is not None and found.trace == stored.trace
    assert found.folder.name == stored.folder.name and behind(there.root).keys(PHASES) == {KEY}
    assert list(half_written(there)) == []


def test_phase_that_was_brought_is_not_asked_for_again(bucket: Server, tmp_path: Path) -> None:
    published(PhaseStore(machine(tmp_path / "here")))
    there = PhaseStore(machine(tmp_path / "there"))
    there.find(KEY)
    bucket.stop()
    try:
        assert there.find(KEY) is not None
    finally:
        bucket.start()


def test_processes_of_one_machine_bring_a_phase_once(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published(PhaseStore(machine(tmp_path / "here")))
    taken, get = [], ObjectStore.get_file

    def counted(self: ObjectStore, sent: object, path: Path) -> bool:
        taken.append(path.name)
        return get(self, sent, path)

    monkeypatch.setattr(ObjectStore, "get_file", counted)
    root = machine(tmp_path / "there")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: PhaseStore(root).find(KEY), range(4)))
    assert all(item is not None for item in found) and taken.count(WEIGHTS) == 1


def test_phase_damaged_on_one_machine_is_brought_anew(bucket: Server, tmp_path: Path) -> None:
    reports = Reports()
    store = PhaseStore(machine(tmp_path), on_damage=reports)
    whole = content(published(store))
    (store.folder_of(KEY) or tmp_path).joinpath(WEIGHTS).write_bytes(b"x")
    assert content(store.find(KEY)) == whole
    assert len(reports) == 1 and len(list((store.root / "damaged").iterdir())) == 1


@pytest.mark.parametrize("damage", ["another weight", "short", "gone", "empty manifest", "another's name"])
def test_phase_damaged_behind_is_set_aside_reported_and_put_anew(bucket: Server, tmp_path: Path, damage: str) -> None:
    published(PhaseStore(machine(tmp_path / "here")))
    client = bucket.client()
    weights = next(name for name in bucket.names() if name.endswith(WEIGHTS))
    manifest = f"study/manifests/phases/{KEY}.json"
    whole = client.get_object(Bucket=NAME, Key=weights)["Body"].read()
    if damage == "gone":
        client.delete_object(Bucket=NAME, Key=weights)
    elif damage == "empty manifest":
        client.put_object(Bucket=NAME, Key=manifest, Body=b"")
    elif damage == "another's name":
        said = client.get_object(Bucket=NAME, Key=manifest)["Body"].read().replace(b"--" + KEY.encode(), b"--another")
        client.put_object(Bucket=NAME, Key=manifest, Body=said)
    else:
        client.put_object(Bucket=NAME, Key=weights, Body=whole[:-1] + (b"X" if damage == "another weight" else b""))
    reports = Reports()
    there = PhaseStore(machine(tmp_path / "there"), on_damage=reports)
    assert there.find(KEY) is None
    assert len(reports) == (0 if damage == "empty manifest" else 1) and there.folder_of(KEY) is None
    published(there)
    assert content(PhaseStore(machine(tmp_path / "third")).find(KEY)) == content(there.find(KEY))
    assert len(reports) <= 1


def test_phase_whose_writer_was_killed_before_it_was_behind_is_put_there_when_it_is_next_used(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = PhaseStore(machine(tmp_path / "here"))
    with monkeypatch.context() as patch:
        patch.setattr(Behind, "put", lambda *args, **more: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            published(here)
    assert PhaseStore(machine(tmp_path / "there")).find(KEY) is None
    assert here.find(KEY) is not None
    assert PhaseStore(machine(tmp_path / "there")).find(KEY) is not None


def test_phase_that_another_machine_has_published_meanwhile_stays_one_whole(bucket: Server, tmp_path: Path) -> None:
    one, two = PhaseStore(machine(tmp_path / "one")), PhaseStore(machine(tmp_path / "two"))

    def write(folder: Path) -> None:
        weighing(one, 1.0)
        assert two.find(KEY) is not None  # another process of this machine brings it
        write_tensors(folder / WEIGHTS, {"a": torch.full((64,), 2.0)}, {})

    two.publish(KEY, IDENTITY, trace(), write)
    found = [content(store.find(KEY)) for store in (one, two, PhaseStore(machine(tmp_path / "three")))]
    assert found[0] == found[1] == found[2]


def test_phase_that_two_machines_publish_at_once_is_one_of_them_whole(bucket: Server, tmp_path: Path) -> None:
    """Each has other weights, so that a mixture of the two would show."""
    for turn in range(5):
        stores = [PhaseStore(machine(tmp_path / f"{turn}-{number}")) for number in range(2)]
        start = threading.Barrier(2)

        def go(number: int, stores: list[PhaseStore] = stores, start: threading.Barrier = start) -> dict[str, bytes]:
            start.wait()
            return content(weighing(stores[number], float(number), size=5000))

        with ThreadPoolExecutor(2) as pool:
            written = list(pool.map(go, range(2)))
        reader = PhaseStore(machine(tmp_path / f"{turn}-reader"))
        assert content(reader.find(KEY)) in written
        behind(reader.root).drop(PHASES, KEY)


def test_publishing_a_phase_removes_its_checkpoint_behind(bucket: Server, tmp_path: Path) -> None:
    store = PhaseStore(machine(tmp_path))
    (tmp_path / "file").write_bytes(b"x")
    behind(store.root).put(CHECKPOINTS, KEY, {"file": tmp_path / "file"})
    published(store)
    assert behind(store.root).peek(CHECKPOINTS, KEY) is None
    assert not [name for name in bucket.names() if "/checkpoints/" in name]


def test_leftovers_of_what_was_being_brought_are_removed_and_never_what_somebody_brings(bucket: Server, tmp_path: Path) -> None:
    store = PhaseStore(machine(tmp_path))
    half = store.root / f".writing-fetch-{KEY}-12345678"
    half.mkdir()
    with store.claim(f"fetch-{KEY}"):
        assert clear_leftovers(store) == 0 and half.is_dir()
    assert clear_leftovers(store) == 1 and not half.exists()


def test_store_whose_server_is_away_says_so_and_goes_on_when_it_is_back(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.stores.objects.WAITS", (0.1,))
    forget()
    here, there = PhaseStore(machine(tmp_path / "here")), PhaseStore(machine(tmp_path / "there"))
    monkeypatch.setattr(here.behind.objects if here.behind else here, "_waits", (0.1,), raising=False)
    bucket.stop()
    try:
        with pytest.raises(StoreError, match="can't be read"):
            there.find(KEY)
        with pytest.raises(StoreError, match="can't be read"):
            published(here)
        assert here.folder_of(KEY) is not None
    finally:
        bucket.start()
    assert here.find(KEY) is not None and there.find(KEY) is not None


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_server_that_goes_down_while_a_phase_is_put_is_waited_for(
    bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    size, back = 6_000_000, threading.Event()

    def restart() -> None:
        bucket.stop()
        bucket.start()
        back.set()

    with Way(bucket.port, int(4 * size * share), restart) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{HOST}:{way.port}")
        forget()
        stored = weighing(PhaseStore(machine(tmp_path / "here")), 1.0, size)
        assert back.wait(120)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.url)
    forget()
    assert content(PhaseStore(machine(tmp_path / "there", ADDRESS)).find(KEY)) == content(stored)
