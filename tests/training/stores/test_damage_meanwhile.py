"""Phases, checkpoints and trunks damaged while chains that stand on them run: trained again, said once, to the same weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, Bench, outcomes
from training.chain import Unwatched
from training.errors import PhaseLostError
from training.record import PhaseTrace
from training.stores.store import PhaseStore

TARGET = toy.phase(toy.TAGS, epochs=2)


def truncate(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 1000)


def flip(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


class Damager(Unwatched):
    """Damages a phase's folder at the first event of a name."""

    def __init__(self, folder: Path, event: str, damage: Callable[[Path], None]) -> None:
        self.folder, self.event, self.damage, self.done = folder, event, damage, False

    def _hear(self, event: str) -> None:
        if event == self.event and not self.done:
            self.done = True
            self.damage(self.folder)

    def phase_done(self, trace: PhaseTrace) -> None:
        self._hear("reused" if trace.outcome == "reused" else "done")

    def step(self, step: int, steps: int, loss: float) -> None:
        self._hear("step")


@pytest.mark.parametrize(
    ("event", "damage"), [("reused", truncate), ("reused", remove), ("step", truncate), ("step", flip), ("step", remove)]
)
def test_parent_damaged_after_it_was_verified_spoils_neither_this_chain_nor_the_next(
    bench: Bench, event: str, damage: Callable[[Path], None]
) -> None:
    chain = bench.chain(INTERMEDIATE, TARGET, selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    undisturbed = bench.run(chain)
    store = PhaseStore(bench.store)
    parent, target = (store.folder_of(key) for key in chain.phase_keys)
    assert parent is not None and target is not None
    shutil.rmtree(target)
    damager = Damager(parent, event, damage)
    found = bench.run(chain, damager)
    assert damager.done and (found.selection, found.results) == (undisturbed.selection, undisturbed.results)
    again = bench.run(chain)
    assert (again.selection, again.results) == (undisturbed.selection, undisturbed.results)
    assert outcomes(again)[1] == "reused"
    told = [line for line in (*found.damaged, *again.damaged) if line.startswith(parent.name)]
    assert len(told) == (damage is not remove)


def test_parent_that_is_lost_again_and_again_is_a_fault_and_no_endless_walk(bench: Bench) -> None:
    chain = bench.chain(INTERMEDIATE, TARGET)
    bench.run(chain)
    store = PhaseStore(bench.store)
    walks: list[str] = []

    class Again(Unwatched):
        def phase_done(self, trace: PhaseTrace) -> None:
            if trace.key == chain.phase_keys[0]:
                walks.append(trace.outcome)
                folder = store.folder_of(trace.key)
                assert folder is not None
                remove(folder)

    target = store.folder_of(chain.phase_keys[1])
    assert target is not None
    remove(target)
    with pytest.raises(PhaseLostError):
        bench.run(chain, Again())
    assert len(walks) == 3


def test_damage_that_two_chains_find_at_once_is_said_by_one(bench: Bench) -> None:
    chain = bench.chain(INTERMEDIATE)
    bench.run(chain)
    (key,) = chain.phase_keys
    said: list[str] = []

    def first(folder: Path, cause: str) -> None:
        said.append(cause)

    store = PhaseStore(bench.store, on_damage=first)
    folder = store.folder_of(key)
    assert folder is not None
    truncate(folder)
    other = PhaseStore(bench.store, on_damage=first)
    assert store.find(key) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PhaseStore, "folder_of", lambda self, key: folder)
        assert other.find(key) is None
    assert len(said) == 1
