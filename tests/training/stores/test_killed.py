"""Processes that train phases of one trunk are killed again and again: nothing is trained twice, and the weights are the same.

`TRAINING_KILL_SEED` replays the delays and victims of a run.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.replay import say, seed_of
from tests.training import toy
from tests.training.bench import DEV, Bench
from tests.training.learning.test_rungs import same, weights
from tests.training.stores.test_trunks import BRANCHES, ENDS, PER_EPOCH, trunk_of
from training.chain import Unwatched
from training.identity import ChainIdentity, Runtime
from training.stores.leftovers import clear_leftovers
from training.stores.store import PhaseStore, verify

SEED_VARIABLE = "TRAINING_KILL_SEED"
KILLS = 20
PROCESSES = multiprocessing.get_context("forkserver")
# Each process would import for seconds otherwise.
PROCESSES.set_forkserver_preload(["tests.training.bench"])


class Log(Unwatched):
    """Writes each step that was done into a file that survives the process."""

    def __init__(self, path: Path, epochs: int) -> None:
        self.path, self.epochs = path, epochs

    def step(self, step: int, steps: int, loss: float) -> None:
        with self.path.open("a") as stream:
            stream.write(f"{'trunk' if step <= ENDS[self.epochs] else self.epochs} {step}\n")


def chain_of(bench: Bench, epochs: int) -> ChainIdentity:
    phase = toy.phase(toy.TAGS, batch=2, schedule="wsd", decay=0.3, epochs=epochs)
    return bench.chain(phase, selection=(DEV["tags"],))


def work(folder: Path, root: Path, store: Path, log: Path, order: list[int]) -> None:
    """Run the chains of a store in some order."""
    torch.set_num_threads(1)
    bench = Bench(folder, root, store)
    bench.runtime = Runtime(checkpoint_seconds=0.0)
    for epochs in order:
        bench.run(chain_of(bench, epochs), Log(log, epochs), branches=BRANCHES)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_trunk_whose_trainers_are_killed_is_trained_once(
    dropout_folder: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, kills, rounds = random.Random(seed_of(SEED_VARIABLE, "kill", capsys)), 0, 0
    undisturbed = Bench(dropout_folder, root, tmp_path / "undisturbed")
    for epochs in ENDS:
        undisturbed.run(chain_of(undisturbed, epochs))
    while kills < KILLS:
        rounds += 1
        bench = Bench(dropout_folder, root, tmp_path / f"round-{rounds}")
        killed = harassed(bench, tmp_path / f"log-{rounds}", dice)
        kills += killed
        compare(bench, undisturbed, tmp_path / f"log-{rounds}", killed)
    say(capsys, f"[kill] {kills} kills in {rounds} rounds")


def harassed(bench: Bench, log: Path, dice: random.Random) -> int:
    """Two processes at a time run the chains of a store until one came to its end; returns the number of kills."""
    killed = 0
    while True:
        running: list[Any] = []
        for _ in range(2):
            order = dice.sample(sorted(ENDS), len(ENDS))
            running.append(
                PROCESSES.Process(target=work, args=(bench.folder, bench.root, bench.store, log, order), daemon=True)
            )
            running[-1].start()
        time.sleep(dice.uniform(0.3, 1.5))
        for process in running:
            if process.is_alive() and dice.random() < 0.8:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
        for process in running:
            process.join()
        codes = [process.exitcode for process in running]
        assert set(codes) <= {0, -signal.SIGKILL}
        if 0 in codes:
            return killed


def compare(bench: Bench, undisturbed: Bench, log: Path, killed: int) -> None:
    for epochs in ENDS:
        chain = chain_of(bench, epochs)
        assert same(weights(bench, chain), weights(undisturbed, chain))
    done = Counter(log.read_text().splitlines())
    wanted = {f"trunk {step}" for step in range(1, ENDS[3] + 1)}
    wanted |= {f"{epochs} {step}" for epochs in ENDS for step in range(ENDS[epochs] + 1, epochs * PER_EPOCH + 1)}
    assert set(done) == wanted
    again = sum(done.values()) - len(wanted)
    assert again <= killed, f"{again} steps were done twice in {killed} kills, with a checkpoint after each step"
    store = PhaseStore(bench.store)
    folders = list(bench.store.glob("*--*"))
    assert len(folders) == len(ENDS)
    for folder in folders:
        verify(folder)
    assert all(store.has(f"{trunk_of(chain_of(bench, epochs))}@{epochs}") for epochs in ENDS)
    assert not (bench.store / "damaged").exists() and not list(bench.store.rglob("*.damaged"))
    clear_leftovers(store)
    assert not list(bench.store.glob(".inflight/*")) and not list(bench.store.glob(".writing-*"))
