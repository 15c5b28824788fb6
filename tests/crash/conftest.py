"""What the tests of this folder share: the seed, and one sweep that nobody disturbed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.crash.forge import Forge
from tests.crash.servers import Head
from tests.crash.undisturbed import Undisturbed, run_undisturbed
from tests.faults.postgres import Server, program, running
from tests.replay import seed_of

SEED_VARIABLE = "SWEEP_CRASH_SEED"


@pytest.fixture
def crash_seed(capsys: pytest.CaptureFixture[str]) -> int:
    """The seed of everything that befalls a sweep, printed so that it can be given again."""
    return seed_of(SEED_VARIABLE, "crash", capsys)


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """What forks sweeps without Ray."""
    forge = Forge(tmp_path_factory.mktemp("forge"), tmp_path_factory.mktemp("cache"))
    try:
        yield forge
    finally:
        forge.close()


@pytest.fixture(scope="session")
def undisturbed(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The sweep that disturbed ones are compared with."""
    return run_undisturbed(forge, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def head(undisturbed: Undisturbed) -> Iterator[Head]:
    """A Ray head of our own, started by whoever uses it."""
    head = Head(undisturbed.cache)
    try:
        yield head
    finally:
        head.close()


@pytest.fixture
def database() -> Iterator[Server | None]:
    """A PostgreSQL server; None where it, or its driver, is not installed."""
    if program("initdb") is None or importlib.util.find_spec("psycopg") is None:
        yield None
        return
    with running() as server:
        yield server
