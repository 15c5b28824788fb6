"""A sweep whose environment is full of secrets, whose servers refuse or die: none of the secrets is anywhere afterwards."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.faults import postgres
from tests.security.planted import environment, leaks, leaks_below, secret, sizes_below, watched_processes
from tests.sweep.launches import begin, eventually, frozen, run_to_end

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]


@dataclass
class Place:
    """Where a launch of a test leaves everything: `rays` is the folder of Ray's sessions, short for the sockets in it."""

    cache: Path
    run: Path
    log: Path
    rays: Path

    def leaks(self, seen: object) -> list[str]:
        """What of the secrets was found in all that it left, and in the command lines that were seen."""
        shown = "\n".join(seen).encode() if isinstance(seen, dict) else b""
        return [*leaks("a command line", shown), *leaks_below(self.run.parent), *leaks_below(self.rays)]


@pytest.fixture
def place(cache: Path, tmp_path: Path) -> Iterator[Place]:
    rays = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    yield Place(cache, tmp_path / "left" / "run", tmp_path / "left" / "said.log", rays)
    shutil.rmtree(rays, ignore_errors=True)


@contextlib.contextmanager
def database() -> Iterator[tuple[postgres.Server, str]]:
    """A PostgreSQL server, and its address with a planted password."""
    if postgres.program("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.running() as server:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as open_:
            open_.execute(f"alter user sweep password '{secret('studies')}'")
        yield server, server.url.replace(postgres.SECRET, "pl4nted%2Fstudies%2BZx%409%25q")


def test_sweep_that_loses_its_servers_leaves_no_secret_anywhere(place: Place) -> None:
    """MLflow never answers, the studies' database dies on the way, and nobody hears of the end."""
    place.log.parent.mkdir()
    with database() as (server, url), watched_processes() as seen:
        here = environment(studies=url) | {"RAY_TMPDIR": str(place.rays)}
        notify = here.pop("SWEEP_NOTIFY")
        words = ("launch", "--grid", "tiny", "--run", place.run, "--notify", notify)
        launch = begin(place.cache, place.log, *words, **here)
        with frozen(launch, place.run):  # so that trials end after the database
            server.kill()
        assert launch.wait() == 0, launch.said
        eventually(lambda: not launch.family(), "the end of Ray's processes")
    said = launch.said
    assert "MLflow lacks some trials" in said and "was not told of the end" in said and "the search's database" in said
    code, synced = run_to_end(place.cache, place.log.with_name("sync"), "sync", "--run", place.run, **here)
    assert code == 1 and "failed: " in synced
    quiet = {name: value for name, value in here.items() if name != "MLFLOW_TRACKING_URI"}
    for verb in ("sync", "status", "table", "gc"):
        code, told = run_to_end(place.cache, place.log.with_name(verb), verb, "--run", place.run, **quiet)
        assert code == 0, told
    begun = [name for name in seen if "launch --grid tiny" in name and str(place.run) in name]
    assert begun, "the process list was not looked at"
    looked = sizes_below(place.run) | sizes_below(place.rays)
    assert looked[".db"] and looked[".log"] and looked[".json"] and looked[".out"] and (place.run / "mlflow.db").is_file()
    assert not [line for line in place.leaks({name: None for name in seen if notify not in name})]


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"SWEEP_OPTUNA_STORAGE": "WRONG"}, 2, "password authentication failed"),
        ({"SWEEP_STORE": "https://planted:pl4nted%2Faws%2BZx%409%25q@bucket/x"}, 2, "has another form"),
        ({"RAY_ADDRESS": "planted:pl4nted%2Fray%2BZx%409%25q@127.0.0.1:1"}, 2, "RAY_ADDRESS"),
        ({"SWEEP_NOTIFY": "pl4nted%2Fhook%2BZx%409%25q"}, 2, "is no http or https address"),
    ],
)
def test_launch_that_is_refused_says_why_and_no_secret(place: Place, changed: dict[str, str], code: int, said: str) -> None:
    place.log.parent.mkdir()
    here = environment() | {"RAY_TMPDIR": str(place.rays)} | changed
    with contextlib.ExitStack() as stack:
        if changed.get("SWEEP_OPTUNA_STORAGE"):
            _, url = stack.enter_context(database())
            here["SWEEP_OPTUNA_STORAGE"] = url.replace("studies", "tracking")
        words = ["launch", "--grid", "tiny", "--run", place.run]
        found, told = run_to_end(place.cache, place.log, *words, **here)
    assert found == code and said in told, told
    assert "Traceback" not in told
    assert not place.leaks({})
