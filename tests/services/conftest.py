"""What the tests of this folder share: whether PostgreSQL is here, and heads that are ended whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.postgres import program
from tests.services.heads import Head


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str | Path], Head]]:
    """Makes heads; skips where there is no PostgreSQL."""
    for module in ("psycopg", "supervisor"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    if program("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    made: list[Head] = []

    def make(store: str | Path) -> Head:
        made.append(Head(store))
        return made[-1]

    try:
        yield make
    finally:
        for head in made:
            head.close()
