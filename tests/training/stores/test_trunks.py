"""Phases of the schedule wsd that differ in epochs alone share a trunk, and have the weights they would have had alone."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training import toy
from tests.training.bench import DEV, TAGS_TEST, Bench
from tests.training.learning.test_rungs import Counter, same, weights
from training.chain import ChainOutcome, Unwatched
from training.errors import PhaseBusyError
from training.identity import ChainIdentity, PhaseIdentity, Role, Runtime, trunk_key
from training.learning.checkpoint import peek_step
from training.stores.store import PhaseStore

BRANCHES = {Role.TARGET: (1, 2, 3)}
PER_EPOCH, ENDS = 8, {1: 6, 2: 11, 3: 17}
"""Steps of an epoch, and of the trunk of each number of epochs."""


class Steps(Unwatched):
    """Counts optimiser steps; a run tells of its first, and of the points of its curve: one a step here."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def step(self, step: int, steps: int, loss: float) -> None:
        self.seen.append(step)


@pytest.fixture
def dropped(dropout_folder: Path, root: Path, tmp_path: Path) -> Bench:
    return Bench(dropout_folder, root, tmp_path / "phases")


def tagging(bench: Bench, epochs: int, **changes: Any) -> ChainIdentity:
    values: dict[str, Any] = {"batch": 2, "schedule": "wsd", "decay": 0.3, "epochs": epochs}
    phase: PhaseIdentity = toy.phase(toy.TAGS, **(values | changes))
    return bench.chain(phase, selection=(DEV["tags"],), evaluations=[TAGS_TEST])


def trunk_of(chain: ChainIdentity) -> str:
    return trunk_key(chain.model.key, chain.phases[0])


def run(bench: Bench, chain: ChainIdentity, **changes: Any) -> tuple[ChainOutcome, list[int]]:
    steps = Steps()
    return bench.run(chain, steps, **({"branches": BRANCHES} | changes)), steps.seen


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_phases_that_share_a_trunk_have_the_weights_of_phases_alone(
    dropped: Bench, tmp_path: Path, order: tuple[int, ...]
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    trained, chains = 0, {epochs: tagging(dropped, epochs) for epochs in order}
    for chain in chains.values():
        dropped.store = alone
        expected = dropped.run(chain)
        lone = weights(dropped, chain)
        dropped.store = shared
        found, steps = run(dropped, chain)
        trained += len(steps)
        assert same(weights(dropped, chain), lone)
        assert replace(found.phases[0], seconds=0.0) == replace(expected.phases[0], seconds=0.0)
        assert (found.selection, found.results) == (expected.selection, expected.results)
    assert trained == ENDS[3] + sum(epochs * PER_EPOCH - ENDS[epochs] for epochs in order)
    assert not list(alone.glob(".trunks/*")) and not list(shared.glob(".inflight/*"))
    trunk = trunk_of(chains[1])
    kept = {path.name: peek_step(path) for path in (shared / ".trunks").iterdir()}
    assert kept == {f"{trunk}@{epochs}.safetensors": step for epochs, step in ENDS.items()}
    store = PhaseStore(shared)
    assert store.has_trunk(trunk, 2) and store.has(f"{trunk}@2") and not store.has(f"{trunk}@4")


def test_phase_that_differs_in_more_than_epochs_shares_nothing(bench: Bench) -> None:
    run(bench, tagging(bench, 1))
    for change in ({"lr": 1e-3}, {"seed": 2}, {"decay": 0.4}, {"warmup": 0.2}, {"batch": 4}):
        chain = tagging(bench, 2, **change)
        assert run(bench, chain)[1][0] == 1


def test_damaged_trunk_is_set_aside_reported_and_trained_again(bench: Bench, tmp_path: Path) -> None:
    run(bench, tagging(bench, 1))
    run(bench, tagging(bench, 2))
    path = PhaseStore(bench.store).trunk_path(trunk_of(tagging(bench, 1)), 2)
    os.truncate(path, path.stat().st_size - 5)
    chain = tagging(bench, 3)
    found, steps = run(bench, chain)
    assert [line.partition(":")[0] for line in found.damaged] == [path.name]
    assert steps[0] == ENDS[1] + 1 and peek_step(path) == ENDS[2]
    assert path.with_suffix(".damaged").is_file()
    bench.store = tmp_path / "alone"
    bench.run(chain)
    lone = weights(bench, chain)
    bench.store = tmp_path / "phases"
    assert same(weights(bench, chain), lone)


def test_trunk_that_another_phase_left_at_a_rung_is_gone_on_with(bench: Bench) -> None:
    """Its in-phase checkpoint is on the trunk as long as it has not begun to decay."""
    assert run(bench, tagging(bench, 3), until=0.2)[0].rung is not None
    found, steps = run(bench, tagging(bench, 2))
    assert steps[0] == 6 and found.phases[0].steps == 16
    run(bench, tagging(bench, 3), until=0.9)
    store = PhaseStore(bench.store)
    assert peek_step(store.checkpoint_path(tagging(bench, 3).phase_keys[0])) == 22
    assert run(bench, tagging(bench, 1))[1][0] == ENDS[1] + 1


def test_phase_that_decays_is_never_begun_by_another(bench: Bench) -> None:
    """Without the trunk's own copies there is only the checkpoint of a phase in its decay, which is no trunk."""
    run(bench, tagging(bench, 1), until=0.9)
    for path in (bench.store / ".trunks").iterdir():
        path.unlink()
    assert run(bench, tagging(bench, 3))[1][0] == 1


@pytest.mark.parametrize("before", ["trunk", "decay"])
def test_phase_killed_in_trunk_or_decay_ends_as_one_that_ran_through(dropped: Bench, tmp_path: Path, before: str) -> None:
    chain = tagging(dropped, 2)
    dropped.run(chain)
    expected = weights(dropped, chain)
    dropped.store, dropped.runtime = tmp_path / "killed", Runtime(checkpoint_seconds=0.0)
    at = 9 if before == "trunk" else 14
    with pytest.raises(KeyboardInterrupt):
        dropped.run(chain, Counter(kill_after=at), branches=BRANCHES)
    found, steps = run(dropped, chain)
    assert steps[0] == at and same(weights(dropped, chain), expected) and found.damaged == ()


class Looker(Unwatched):
    """Notes at each step whether the trunk's claim and the phase's are held."""

    def __init__(self, store: PhaseStore, chain: ChainIdentity) -> None:
        self.store, self.chain = store, chain
        self.trunk: list[int] = []
        self.phase: list[int] = []

    def step(self, step: int, steps: int, loss: float) -> None:
        if self.store.claimed(f"{trunk_of(self.chain)}@{self.chain.phases[0].epochs}"):
            self.trunk.append(step)
        if self.store.claimed(self.chain.phase_keys[0]):
            self.phase.append(step)


def test_claim_of_a_trunk_is_held_while_it_is_trained_and_no_longer(bench: Bench) -> None:
    for epochs, first in ((2, 0), (1, ENDS[1]), (3, ENDS[2])):
        chain = tagging(bench, epochs)
        looker = Looker(PhaseStore(bench.store), chain)
        bench.run(chain, looker, branches=BRANCHES)
        assert looker.trunk == list(range(first + 1, ENDS[epochs] + 1))
        assert looker.phase == list(range(first + 1, epochs * PER_EPOCH + 1))
        assert not looker.store.claimed(trunk_of(chain)) and not looker.store.claimed(chain.phase_keys[0])


def test_claim_is_taken_where_the_trunk_that_was_to_be_begun_with_is_damaged(bench: Bench) -> None:
    run(bench, tagging(bench, 3))
    chain = tagging(bench, 2)
    path = PhaseStore(bench.store).trunk_path(trunk_of(chain), 2)
    path.write_bytes(path.read_bytes()[:-1])
    looker = Looker(PhaseStore(bench.store), chain)
    found = bench.run(chain, looker, branches=BRANCHES)
    assert len(found.damaged) == 1 and looker.trunk == list(range(ENDS[1] + 1, ENDS[2] + 1))


def test_busy_phase_or_trunk_is_named_at_once_and_left_alone(bench: Bench) -> None:
    chain, store = tagging(bench, 2), PhaseStore(bench.store)
    for key, busy in ((chain.phase_keys[0],) * 2, (f"{trunk_of(chain)}@3", f"{trunk_of(chain)}@2")):
        with store.claim(key), pytest.raises(PhaseBusyError) as caught:
            run(bench, chain, wait=False)
        assert caught.value.value == busy
        assert not store.claimed(chain.phase_keys[0]) and not store.claimed(trunk_of(chain))
    assert run(bench, chain, wait=False)[0].phases[0].outcome == "trained"


def test_phase_that_waited_for_a_trunk_goes_on_from_what_came_of_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, other = tagging(bench, 3), tmp_path / "other"
    bench.store = other
    run(bench, tagging(bench, 1))
    bench.store = tmp_path / "phases"
    store, held = PhaseStore(bench.store), ExitStack()
    held.enter_context(store.claim(trunk_of(chain)))

    def other_ends(seconds: float) -> None:
        shutil.copytree(other / ".trunks", bench.store / ".trunks")
        held.close()

    monkeypatch.setattr("training.stores.claims.time.sleep", other_ends)
    assert run(bench, chain)[1][0] == ENDS[1] + 1


def test_looking_for_a_claim_leaves_no_trace(tmp_path: Path) -> None:
    assert not PhaseStore(tmp_path).claimed("key@2") and list(tmp_path.iterdir()) == []
