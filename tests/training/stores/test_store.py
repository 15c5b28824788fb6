from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training import toy
from tests.training.stored import IDENTITY, KEY, Reports, published, trace, weights
from training.errors import StoreError
from training.stores.store import MANIFEST, WEIGHTS, PhaseStore, verify
from training.tasks.row import Kind


def test_store_published_phase_is_found_with_how_its_training_went(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    assert store.find(KEY) is None and not store.has(KEY)
    stored = published(store)
    assert store.has(KEY) and store.find(KEY) == stored
    assert stored.folder.name == f"nli-lr0.003-ep1-s1--{KEY}"
    assert sorted(path.name for path in stored.folder.iterdir()) == [MANIFEST, "identity.json", WEIGHTS, "report.json"]
    assert json.loads((stored.folder / "identity.json").read_bytes())["seed"] == 1


def test_store_publishing_removes_the_phase_s_checkpoint(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    path = store.checkpoint_path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    published(store)
    assert not path.exists()


def test_store_name_longer_than_file_systems_take_is_cut(tmp_path: Path) -> None:
    rows = [toy._row(f"task_with_a_long_name_{n}", Kind.MLM, "r", "m", "txt") for n in range(20)]
    identity = toy.phase(*rows)
    store = PhaseStore(tmp_path)
    store.publish(KEY, identity, trace(identity=identity), weights)
    assert store.find(KEY) is not None


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped weights": (lambda folder: flip(folder / WEIGHTS), "damaged file: 'model.safetensors'"),
    "truncated weights": (lambda folder: truncated(folder / WEIGHTS), "damaged file: 'model.safetensors'"),
    "flipped report": (lambda folder: flip(folder / "report.json", 5), "damaged file: 'report.json'"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "lacks a file: 'model.safetensors'"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "no readable manifest"),
    "truncated manifest": (lambda folder: truncated(folder / MANIFEST), "no readable manifest"),
    "flipped key of the manifest": (lambda folder: flip(folder / MANIFEST, 3), "no readable manifest"),
    "another kind of manifest": (lambda folder: (folder / MANIFEST).write_text("[]"), "no readable manifest"),
    "empty manifest": (lambda folder: (folder / MANIFEST).write_text('{"files":{}}'), "manifest"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_store_damaged_phase_is_set_aside_reported_and_not_found(tmp_path: Path, name: str) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    folder = published(store).folder
    damage, cause = DAMAGES[name]
    damage(folder)
    assert store.find(KEY) is None
    assert [name for name, _ in reports] == [folder.name] and cause in reports[0][1]
    assert not folder.exists() and not store.has(KEY)
    (kept,) = (tmp_path / "damaged").iterdir()
    assert kept.name.startswith(folder.name)
    assert store.find(KEY) is None and len(reports) == 1
    published(store)
    assert store.find(KEY) is not None


def test_store_flip_of_any_byte_of_the_manifest_is_never_a_crash(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    folder = published(store).folder
    whole = (folder / MANIFEST).read_bytes()
    for place in range(0, len(whole), 3):
        flip(folder / MANIFEST, place)
        with pytest.raises(StoreError):
            verify(folder)
        (folder / MANIFEST).write_bytes(whole)
    verify(folder)


def test_store_folder_renamed_to_another_key_is_not_that_phase(tmp_path: Path) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    published(store).folder.rename(tmp_path / "x--0123456789abcdef")
    assert store.find("0123456789abcdef") is None
    assert "copied or renamed" in reports[0][1]


def test_store_damage_that_another_process_set_aside_first_is_no_error(tmp_path: Path) -> None:
    store = PhaseStore(tmp_path)
    store._set_aside(tmp_path / "gone--0123", "cause")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("killed")])
def test_store_stopped_while_writing_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    store = PhaseStore(tmp_path)

    def stopped(folder: Path) -> None:
        weights(folder)
        assert store.find(KEY) is None and not store.has(KEY)
        raise error

    with pytest.raises(type(error)):
        store.publish(KEY, IDENTITY, trace(), stopped)
    assert list(tmp_path.iterdir()) == []
