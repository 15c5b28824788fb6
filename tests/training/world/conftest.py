"""One mini world, written once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.world.files import write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the mini world of seed 0."""
    folder = tmp_path_factory.mktemp("data") / "world"
    write_world(folder)
    return folder
