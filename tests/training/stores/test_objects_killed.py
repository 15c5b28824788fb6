"""Writers are killed after a number of bytes on their way to the object store: what is there is whole, or not there.

`TRAINING_KILL_SEED` replays the numbers of a run.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.replay import seed_of
from tests.training.bucket import VARIABLES, Server, bucket, killed_on_the_way, machine, server
from tests.training.stored import IDENTITY, KEY, Reports, trace
from tests.training.stores.test_objects_phases import behind, content
from training.files.tensorfile import write_tensors
from training.learning.checkpoint import peek_step
from training.stores.behind import CHECKPOINTS
from training.stores.fetching import bring_checkpoint, put_checkpoint, step_behind
from training.stores.store import WEIGHTS, PhaseStore

__all__ = ["bucket", "server"]
SEED_VARIABLE = "TRAINING_KILL_SEED"
WORDS = 4_000_000
"""Of four bytes each: so many that the weights go in parts."""
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.training.stores.test_objects_killed"])


@pytest.fixture
def dice(capsys: pytest.CaptureFixture[str]) -> random.Random:
    return random.Random(seed_of(SEED_VARIABLE, "kill", capsys))


def enter(port: int) -> None:
    """Make this process another machine's, with its own way to the server."""
    os.environ.update(VARIABLES, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}")
    torch.set_num_threads(1)


def write(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"a": torch.full((WORDS,), float(os.getpid()))}, {})


def publish(root: Path, port: int) -> None:
    enter(port)
    store = PhaseStore(root)
    if store.find(KEY) is None:
        store.publish(KEY, IDENTITY, trace(), write)


def checkpoints(root: Path, port: int) -> None:
    """Keep one checkpoint after the other, and note each that is behind."""
    enter(port)
    path = PhaseStore(root).checkpoint_path(KEY)
    path.parent.mkdir(exist_ok=True)
    before = step_behind(path) or 0
    for step in range(before + 1, before + 100):
        said = {"position": f'{{"step": {step}}}'}
        write_tensors(path, {"a": torch.full((WORDS // 8,), float(step))}, said)
        put_checkpoint(path, step)
        (root / "noted").write_text(str(step))


def killed(target: Callable[[Path, int], None], root: Path, server: Server, after: int) -> bool:
    return killed_on_the_way(PROCESSES, target, root, server, after)


def kill_publishers(dice: random.Random, server: Server, folder: Path, rounds: int) -> int:
    """Machines are killed while they put one phase, until each has; another looks after every kill."""
    kills, reports = 0, Reports()
    for turn in range(rounds):
        reader = PhaseStore(machine(folder / f"reader-{turn}"), on_damage=reports)
        writers = [machine(folder / f"writer-{turn}-{number}") for number in range(2)]
        while killed(publish, dice.choice(writers), server, dice.randrange(1, 6 * WORDS)):
            kills += 1
            found = reader.find(KEY)
            assert found is None or len(content(found)[WEIGHTS]) > 4 * WORDS
        whole = content(reader.find(KEY))
        for root in writers:
            assert not killed(publish, root, server, 10**12)
            assert set(content(PhaseStore(root).find(KEY))) == set(whole)
        assert content(PhaseStore(machine(folder / f"last-{turn}"), on_damage=reports).find(KEY)) == whole
        behind(reader.root).drop("phases", KEY)
    assert reports == [] and not [name for name in server.names() if "/phases/" in name]
    return kills


def test_writers_of_a_phase_that_are_killed_at_any_byte_leave_it_whole_or_not_there(
    bucket: Server, tmp_path: Path, dice: random.Random
) -> None:
    while kill_publishers(dice, bucket, tmp_path / str(dice.random()), 1) < 2:
        pass


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_writers_of_a_phase_that_are_killed_a_dozen_times_leave_it_whole_or_not_there(
    bucket: Server, tmp_path: Path, dice: random.Random
) -> None:
    kills = 0
    while kills < 12:
        kills += kill_publishers(dice, bucket, tmp_path / str(dice.random()), 2)


def kill_checkpointers(dice: random.Random, server: Server, folder: Path, kills: int) -> None:
    """After each kill another machine finds a whole checkpoint, no older than the last that its writer knew to be behind."""
    reports, known = Reports(), 0
    for number in range(kills):
        root = machine(folder / f"writer-{number}")
        assert killed(checkpoints, root, server, dice.randrange(1 if known else WORDS, 10 * WORDS))
        known = max(known, int((root / "noted").read_text()) if (root / "noted").exists() else 0)
        path = PhaseStore(machine(folder / f"reader-{number}")).checkpoint_path(KEY)
        path.parent.mkdir()
        if bring_checkpoint(path, reports):
            assert peek_step(path) == step_behind(path)
            known_then, known = known, peek_step(path) or 0
            assert known_then <= known <= known_then + 1
        else:
            assert known == 0
    assert reports == [] and known > 0
    assert len(behind(root).keys(CHECKPOINTS)) == 1


def test_writer_of_checkpoints_that_is_killed_at_any_byte_leaves_the_last_one_whole(
    bucket: Server, tmp_path: Path, dice: random.Random
) -> None:
    kill_checkpointers(dice, bucket, tmp_path, 3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_writer_of_checkpoints_that_is_killed_a_dozen_times_leaves_the_last_one_whole(
    bucket: Server, tmp_path: Path, dice: random.Random
) -> None:
    kill_checkpointers(dice, bucket, tmp_path, 12)


def test_way_kills_once_its_bytes_have_passed_and_not_before(bucket: Server, tmp_path: Path) -> None:
    """The instrument itself."""
    assert killed(publish, machine(tmp_path / "one"), bucket, 100)
    assert not killed(publish, machine(tmp_path / "two"), bucket, 10**12)
