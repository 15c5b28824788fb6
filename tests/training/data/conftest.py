from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from training.data.readers import ReadRequest
from training.tasks.registry import ROWS

Asked = Callable[..., ReadRequest]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Writes `content` as a row's only file and returns the request that reads it."""

    def make(content: str | bytes, task: str, split: str = "dev", language: str = "en", name: str = "file.txt") -> ReadRequest:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        row = replace(ROWS[task], files={split: name.removesuffix(".gz")})
        return ReadRequest(row, tmp_path, split, language)

    return make


@pytest.fixture(scope="session")
def real_root() -> Path:
    """The folder of real data sets, named by SWEEP_DATA."""
    if not os.environ.get("SWEEP_DATA"):
        pytest.skip("SWEEP_DATA does not name a folder of real data sets")
    return Path(os.environ["SWEEP_DATA"])
