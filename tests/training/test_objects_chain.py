"""A chain whose legs run on machines that share an object store and nothing else ends as one that ran through on one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.bench import INTERMEDIATE, Bench, outcomes
from tests.training.bucket import Server, bucket, machine, server
from tests.training.learning.test_rungs import Counter, same, tagging, weights
from tests.training.stores.test_trunks import ENDS, run, trunk_of
from tests.training.stores.test_trunks import tagging as branching
from training.chain import run_chain
from training.errors import StoreError
from training.identity import Runtime
from training.learning.checkpoint import peek_step
from training.stores.behind import CHECKPOINTS, TRUNKS, Behind, behind_of
from training.stores.store import PhaseStore

__all__ = ["bucket", "server"]


@pytest.fixture
def bench(dropout_folder: Path, root: Path, tmp_path: Path, bucket: Server) -> Iterator[Bench]:
    yield Bench(dropout_folder, root, tmp_path / "alone")


@pytest.mark.parametrize("schedule", ["linear", "wsd"])
def test_chain_goes_on_at_a_rung_on_another_machine(bench: Bench, tmp_path: Path, schedule: str) -> None:
    chain = tagging(bench, INTERMEDIATE, schedule=schedule)
    through = bench.run(chain)
    alone = weights(bench, chain)
    for number, until in enumerate((0.125, 0.375)):
        bench.store = machine(tmp_path / f"machine-{number}")
        counter = Counter()
        leg = bench.run(chain, counter, until=until)
        assert outcomes(leg) == (["reused"] if number else ["trained"])
    assert counter.last == {24: 9}
    bench.store = machine(tmp_path / "last")
    last = bench.run(chain)
    assert same(weights(bench, chain), alone) and last.results == through.results
    assert outcomes(last) == ["reused", "trained"]
    behind = behind_of(bench.store)
    assert behind is not None and behind.keys(CHECKPOINTS) == frozenset()


def test_phase_whose_machine_goes_after_a_notice_goes_on_elsewhere_from_there(bench: Bench, tmp_path: Path) -> None:
    chain = tagging(bench)
    bench.run(chain)
    alone, asked = weights(bench, chain), iter([False] * 9 + [True] * 99)
    bench.store = machine(tmp_path / "spot")
    with pytest.raises(KeyboardInterrupt):
        run_chain(bench.job(chain), Counter(kill_after=14), lambda: next(asked))
    bench.store = machine(tmp_path / "other")
    first: list[int] = []

    class First(Counter):
        def step(self, step: int, steps: int, loss: float) -> None:
            first.append(step)

    bench.run(chain, First())
    assert first[0] == 11 and same(weights(bench, chain), alone)


def test_checkpoint_here_that_is_further_than_the_one_behind_is_gone_on_with(bench: Bench, tmp_path: Path) -> None:
    chain = tagging(bench)
    bench.store = one = machine(tmp_path / "one")
    bench.run(chain, until=0.125)
    bench.store = machine(tmp_path / "two")
    bench.run(chain, until=0.375)
    path = PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0])
    bench.store = one
    assert bench.run(chain, until=0.25).rung is not None  # what is behind is further than this leg goes
    assert peek_step(PhaseStore(one).checkpoint_path(chain.phase_keys[0])) == 3
    assert peek_step(path) == 9
    counter = Counter()
    bench.run(chain, counter)
    assert counter.last == {24: 24}


def test_trunk_trained_on_one_machine_is_branched_off_on_another(bench: Bench, tmp_path: Path) -> None:
    chain = branching(bench, 3)
    bench.run(chain)
    alone = weights(bench, chain)
    bench.store = machine(tmp_path / "one")
    run(bench, branching(bench, 1))
    bench.store = machine(tmp_path / "two")
    store, trunk = PhaseStore(bench.store), trunk_of(chain)
    assert store.has(f"{trunk}@1") and not store.has(f"{trunk}@2")
    _, steps = run(bench, chain)
    assert steps[0] == ENDS[1] + 1 and same(weights(bench, chain), alone)
    behind = behind_of(bench.store)
    assert behind is not None and behind.keys(TRUNKS) == {f"{trunk}@{epochs}" for epochs in ENDS}


def test_training_goes_on_where_a_checkpoint_can_t_be_put_behind(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*args: object, **more: object) -> None:
        raise StoreError("refused")

    chain = tagging(bench)
    bench.run(chain)
    alone = weights(bench, chain)
    bench.store, bench.runtime = machine(tmp_path / "one"), Runtime(checkpoint_seconds=0.0)
    monkeypatch.setattr(Behind, "replace", refused)
    with caplog.at_level(logging.WARNING):
        bench.run(chain)
    assert same(weights(bench, chain), alone) and "on this machine alone: refused" in caplog.text
