"""The search's database locked, slow, gone, damaged or empty: the search never hears of it, and later it is filled again."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState, create_trial

from sweep.search import storage as storage_module
from sweep.search.storage import StudyStorage, open_storage
from training.errors import UserError

SPACE = {"target.lr": FloatDistribution(0.0, 1.0)}
PATIENCE = 120.0


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite file that is not there yet; who waits for its lock gives up soon."""
    monkeypatch.setattr(storage_module, "LOCKED_SECONDS", 0.05)
    monkeypatch.setattr(storage_module, "FIRST_PAUSE", 0.02)
    return f"sqlite:///{tmp_path / 'optuna.db'}"


class Search:
    """A study in a storage, asked and told as a search does."""

    def __init__(self, url: str, name: str = "pair") -> None:
        self.said: list[str] = []
        self.storage = open_storage(url, self.said.append)
        self.storage._pause = 0.02
        self.name = name
        self.study = optuna.create_study(study_name=name, storage=self.storage, direction="maximize", load_if_exists=True)

    def ask(self, value: float) -> None:
        self.study.add_trial(create_trial(state=TrialState.RUNNING, params={"target.lr": value}, distributions=SPACE))

    def tell(self, number: int, score: float) -> None:
        self.study.tell(number, score)

    @property
    def written(self) -> bool:
        """Whether the database has everything."""
        return not self.storage._changed and not self.storage._failing


def kept(url: str, name: str = "pair") -> list[tuple[dict[str, Any], TrialState, float | None]]:
    """What a database says of a study."""
    study = optuna.load_study(study_name=name, storage=optuna.storages.RDBStorage(url))
    return [(trial.params, trial.state, trial.values[0] if trial.values else None) for trial in study.get_trials()]


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process's write lock on the whole file."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("begin exclusive")
        yield
        other.execute("rollback")


def test_what_was_asked_and_told_is_in_the_database_and_is_taken_up_again(url: str) -> None:
    first = Search(url)
    for value in (0.1, 0.2, 0.3):
        first.ask(value)
    first.tell(1, 70.0)
    assert first.storage.close() == 0 and first.said == []
    again = Search(url)
    assert [trial.params["target.lr"] for trial in again.study.get_trials()] == [0.1, 0.2, 0.3]
    again.tell(0, 60.0)
    again.ask(0.4)
    assert again.storage.close() == 0
    assert [(params["target.lr"], state.name, value) for params, state, value in kept(url)] == [
        (0.1, "COMPLETE", 60.0),
        (0.2, "COMPLETE", 70.0),
        (0.3, "RUNNING", None),
        (0.4, "RUNNING", None),
    ]


def test_trial_that_ends_while_it_is_written_is_written_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search = Search(url)
    eventually(lambda: search.written)
    back = search.storage._back
    assert back is not None
    create = back.create_new_trial

    def slow(study_id: int, trial: optuna.trial.FrozenTrial) -> int:
        there = int(create(study_id, trial))
        search.tell(0, 70.0)
        return there

    monkeypatch.setattr(back, "create_new_trial", slow)
    search.ask(0.1)
    eventually(lambda: search.written)
    assert search.storage.close() == 0
    assert [(state.name, value) for _, state, value in kept(url)] == [("COMPLETE", 70.0)]


def test_reason_is_the_deepest_one_that_says_something() -> None:
    error = StorageInternalError("wrapped")
    error.__cause__ = OSError("server closed the connection\nunexpectedly")
    error.__cause__.__cause__ = KeyError(())
    assert storage_module._reason(error) == "server closed the connection"
    assert storage_module._reason(KeyError(())) == "KeyError"


def test_stopped_setting_keeps_its_scores_at_the_rungs(url: str) -> None:
    search = Search(url)
    search.ask(0.1)
    eventually(lambda: search.written)
    trial = optuna.trial.Trial(search.study, search.study.get_trials()[0]._trial_id)
    trial.report(40.0, 0)
    trial.report(45.0, 1)
    search.study.tell(0, state=TrialState.PRUNED)
    assert search.storage.close() == 0
    (found,) = optuna.load_study(study_name="pair", storage=optuna.storages.RDBStorage(url)).get_trials()
    assert found.state is TrialState.PRUNED and found.intermediate_values == {0: 40.0, 1: 45.0}


def test_locked_database_is_said_once_and_gets_everything_when_the_lock_goes(url: str) -> None:
    search = Search(url)
    search.ask(0.1)
    eventually(lambda: search.written)
    with locked(url):
        begun = time.monotonic()
        for number in range(20):
            search.ask(number / 20)
            search.tell(number, 50.0)
        assert time.monotonic() - begun < PATIENCE
        eventually(lambda: search.said != [])
        assert len(search.study.get_trials()) == 21
    eventually(lambda: search.written)
    assert search.storage.close() == 0
    assert len(search.said) == 2 and "locked" in search.said[0] and "back" in search.said[1]
    assert [state.name for _, state, _ in kept(url)] == ["COMPLETE"] * 20 + ["RUNNING"]


def test_database_that_is_locked_at_the_start_is_not_waited_for(url: str) -> None:
    first = Search(url)
    first.ask(0.1)
    first.storage.close()
    with locked(url):
        search = Search(url)
        search.ask(0.1)
        search.ask(0.2)
        eventually(lambda: search.said != [])
    assert search.storage.close() == 0
    assert [params["target.lr"] for params, _, _ in kept(url)] == [0.1, 0.2]


@pytest.mark.parametrize("damage", ["removed", "emptied", "garbage"])
def test_database_file_that_is_gone_or_damaged_while_running_is_made_again(url: str, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "optuna.db"
    search, other = Search(url), None
    other = optuna.create_study(study_name="other", storage=search.storage, direction="maximize")
    other.add_trial(create_trial(state=TrialState.RUNNING, params={"target.lr": 0.9}, distributions=SPACE))
    search.ask(0.1)
    eventually(lambda: search.written)
    path.unlink()
    if damage != "removed":
        path.write_bytes(b"" if damage == "emptied" else b"no database at all" * 1000)
    search.ask(0.2)
    search.tell(0, 70.0)
    eventually(lambda: search.written)
    assert search.storage.close() == 0
    assert [state.name for _, state, _ in kept(url)] == ["COMPLETE", "RUNNING"]
    assert len(kept(url, "other")) == 1
    assert (tmp_path / "optuna.db.damaged").exists() == (damage == "garbage")


def test_write_whose_answer_was_lost_is_not_made_twice(url: str) -> None:
    search = Search(url)
    eventually(lambda: search.written)
    back, lost = search.storage._back, []
    assert back is not None
    real = back.create_new_trial

    def create(study_id: int, template: Any = None) -> int:
        made = int(real(study_id, template))
        lost.append(made)
        raise StorageInternalError("connection closed after the commit")

    back.create_new_trial = create
    search.ask(0.1)
    search.ask(0.2)
    eventually(lambda: search.written and len(search.storage._there) == 1)
    assert search.storage.close() == 0 and len(lost) == 1
    assert [params["target.lr"] for params, _, _ in kept(url)] == [0.1, 0.2]


def test_slow_database_delays_neither_the_search_nor_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    real = StudyStorage._write

    def slow(self: StudyStorage, study_id: int, numbers: Any) -> None:
        hold.wait(PATIENCE)
        real(self, study_id, numbers)

    monkeypatch.setattr(StudyStorage, "_write", slow)
    search = Search(url)
    begun = time.monotonic()
    for number in range(200):
        search.ask(number / 200)
    left = search.storage.close(timeout=0.1)
    assert time.monotonic() - begun < PATIENCE / 2 and left == 200
    assert "lacks some settings" in search.said[-1]
    hold.set()


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("nonsense", "parse"),
        ("oracle+nothing://reader:secret@db/sweep", "plugin"),
        ("sqlite:////nowhere/at/all/optuna.db", "unable to open"),
    ],
)
def test_address_that_can_not_be_used_is_the_users_fault_at_once_and_shows_no_password(
    address: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "OPENING", (120.0,))
    begun = time.monotonic()
    with pytest.raises(UserError, match="SWEEP_OPTUNA_STORAGE") as caught:
        open_storage(address)
    assert cause in str(caught.value) and "secret" not in str(caught.value)
    assert time.monotonic() - begun < 100


def test_server_that_does_not_answer_is_tried_again_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed")
    monkeypatch.setattr(storage_module, "OPENING", (0.0, 0.0))
    with pytest.raises(UserError) as caught:
        open_storage("postgresql://reader:secret@127.0.0.1:1/sweep")
    assert "refused" in str(caught.value) and "secret" not in str(caught.value)
