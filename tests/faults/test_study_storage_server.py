"""A real PostgreSQL server that dies and comes back while a search goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sweep.search import storage as storage_module
from sweep.search.storage import open_storage
from tests.faults.postgres import SECRET, Server, program, running
from tests.faults.test_study_storage import Search, eventually, kept
from training.errors import UserError


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    if program("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    with running() as server:
        yield server


def test_server_that_dies_and_comes_back_is_said_and_filled_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "FIRST_PAUSE", 0.1)
    search = Search(server.url)
    search.ask(0.1)
    eventually(lambda: search.written)
    server.kill()
    for number in range(10):
        search.ask(0.2 + number / 100)
    search.tell(0, 70.0)
    eventually(lambda: search.said != [])
    assert len(search.study.get_trials()) == 11
    server.start()
    eventually(lambda: search.written)
    assert search.storage.close() == 0
    assert len(search.said) == 2 and "back" in search.said[1] and SECRET not in "".join(search.said)
    assert [state.name for _, state, _ in kept(server.url)] == ["COMPLETE"] + ["RUNNING"] * 10


def test_server_that_lets_nobody_in_is_the_users_fault_without_the_password(server: Server) -> None:
    with pytest.raises(UserError) as caught:
        open_storage(server.url.replace(SECRET, "another-secret"))
    assert "password authentication failed" in str(caught.value)
    assert SECRET not in str(caught.value) and "another-secret" not in str(caught.value)
