"""Storage that fails now and then, or is out of reach: nothing is lost, and nothing is taken for damaged."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy
from tests.training.stored import IDENTITY, KEY, Reports, published, trace, weights
from training.errors import StoreError
from training.files.tensorfile import write_tensors
from training.learning.checkpoint import Position, load_checkpoint, peek_step, snapshot
from training.learning.optimiser import build_optimiser
from training.stores.store import PhaseStore


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.files.storage.time.sleep", lambda seconds: None)


def failing(action: Callable[..., Any], times: int, number: int) -> Callable[..., Any]:
    """The action, which fails the first times."""
    left = times

    def run(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(number, os.strerror(number))
        return action(*args, **options)

    return run


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_phase_is_published_and_found_in_spite_of_faults_that_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    stored = store.publish(KEY, IDENTITY, trace(), failing(weights, 2, number))
    monkeypatch.setattr("training.stores.store.hashlib.file_digest", failing(hashlib.file_digest, 2, number))
    assert store.find(KEY) == stored and not reports
    assert [path.name for path in tmp_path.iterdir()] == [stored.folder.name]


def test_phase_that_is_out_of_reach_is_not_taken_for_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = Reports()
    store = PhaseStore(tmp_path, on_damage=reports)
    stored = published(store)
    with monkeypatch.context() as patch, pytest.raises(StoreError, match="can't be read"):
        patch.setattr("training.stores.store.hashlib.file_digest", failing(print, 10**6, errno.ETIMEDOUT))
        store.find(KEY)
    assert store.find(KEY) == stored and not reports


def test_checkpoint_out_of_reach_is_not_set_aside(
    toy_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, heard = tmp_path / "key.safetensors", list[str]()
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    optimiser = build_optimiser(model, toy.phase(toy.NLI))
    monkeypatch.setattr("training.learning.checkpoint.write_tensors", failing(write_tensors, 2, errno.EIO))
    snapshot(model, optimiser, Position(step=4), copied=False).write(path)
    assert peek_step(path) == 4 and list(tmp_path.iterdir()) == [path]
    with monkeypatch.context() as patch, pytest.raises(StoreError, match="can't be read"):
        patch.setattr("training.learning.checkpoint.load_file", failing(torch.zeros, 10**6, errno.ESTALE))
        load_checkpoint(path, model, optimiser, lambda path, cause: heard.append(cause))
    assert load_checkpoint(path, model, optimiser, lambda path, cause: heard.append(cause)) == Position(step=4)
    assert load_checkpoint(path, model, optimiser, lambda path, cause: heard.append(cause), most=3) is None
    assert heard == [] and path.is_file()
