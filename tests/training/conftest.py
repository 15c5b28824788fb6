from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training import toy
from tests.training.bench import Bench
from training.data.corpus import CACHE
from training.models.backbone import load_tokenizer


@pytest.fixture(autouse=True, scope="session")
def imports_left_alone() -> None:
    """A chain collects garbage several times, which would take most of a toy's time with all modules looked through."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Results are promised bit for bit on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.save_model(tmp_path_factory.mktemp("model") / "toy")


@pytest.fixture(scope="session")
def dropout_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy with dropout in every place, so that random numbers matter at each step."""
    chances = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    return toy.save_model(tmp_path_factory.mktemp("model") / "dropout", **chances)


@pytest.fixture(scope="session")
def tokenizer(toy_folder: Path) -> Any:
    return load_tokenizer(toy_folder)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of every toy task."""
    folder = tmp_path_factory.mktemp("data")
    toy.write_data(folder)
    return folder


@pytest.fixture
def bench(toy_folder: Path, root: Path, tmp_path: Path) -> Bench:
    CACHE._kept.clear()
    return Bench(toy_folder, root, tmp_path / "phases")
