"""A notice that the machine will go: a checkpoint is written at once, and the training goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, Bench, outcomes
from tests.training.learning.test_rungs import Counter
from training.chain import ChainOutcome, run_chain
from training.identity import ChainIdentity
from training.learning.checkpoint import Snapshot, peek_step
from training.learning.resume import Notice
from training.stores.store import PhaseStore


def at(*noticed: int) -> Callable[[], bool]:
    """True where it is asked for these times, counted from 1."""
    asked = 0

    def urgent() -> bool:
        nonlocal asked
        asked += 1
        return asked in noticed

    return urgent


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []

    write = Snapshot.write

    def save(self: Snapshot, path: Path) -> None:
        found.append((path.stem, self.position.step))
        write(self, path)

    monkeypatch.setattr(Snapshot, "write", save)
    return found


def chain_of(bench: Bench, *before: Any) -> ChainIdentity:
    return bench.chain(*before, toy.phase(toy.TAGS, batch=2), selection=(DEV["tags"],), evaluations=[TAGS_TEST])


def run(bench: Bench, chain: ChainIdentity, urgent: Callable[[], bool], watcher: Any = None) -> ChainOutcome:
    return run_chain(bench.job(chain), watcher, urgent)


@pytest.mark.parametrize(
    ("noticed", "steps"), [((3,), [3]), ((3, 4, 5), [3]), ((2, 5), [2, 5]), ((1, 2, 4, 5, 7), [1, 4, 7]), ((), []), ((8,), [])]
)
def test_notice_makes_one_checkpoint_and_the_training_goes_on(
    bench: Bench, saved: list[tuple[str, int]], noticed: tuple[int, ...], steps: list[int]
) -> None:
    chain = chain_of(bench)
    found = run(bench, chain, at(*noticed))
    assert saved == [(chain.phase_keys[0], step) for step in steps]
    assert found.results == bench.run(chain).results and outcomes(found) == ["trained"]


def test_notice_that_lasts_through_phases_is_one(bench: Bench, saved: list[tuple[str, int]]) -> None:
    chain = chain_of(bench, INTERMEDIATE)
    run(bench, chain, lambda: True)
    assert saved == [(chain.phase_keys[0], 1)]


def test_process_that_goes_after_its_notice_loses_nothing_before_it(bench: Bench, tmp_path: Path) -> None:
    chain = chain_of(bench)
    with pytest.raises(KeyboardInterrupt):
        run(bench, chain, at(5), Counter(kill_after=7))
    assert peek_step(PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0])) == 5
    counter = Counter()
    found = run(bench, chain, at(), counter)
    bench.store = tmp_path / "undisturbed"
    assert found.results == bench.run(chain).results and counter.last == {8: 8}


def test_notice_without_anybody_to_give_it_is_none() -> None:
    assert not Notice().new()
