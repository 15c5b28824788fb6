"""A phase that is left at a rung goes on, to the bytes it would have had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import training.walk
from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, Bench, outcomes
from training.chain import Unwatched
from training.errors import DivergedError
from training.identity import ChainIdentity, PhaseIdentity, Runtime
from training.stores.store import PhaseStore


class Counter(Unwatched):
    """Counts the optimiser steps that were done, and can be killed after some."""

    def __init__(self, kill_after: int = 0) -> None:
        self.kill_after = kill_after
        self.last: dict[int, int] = {}

    def step(self, step: int, steps: int, loss: float) -> None:
        self.last[steps] = step
        if step == self.kill_after:
            raise KeyboardInterrupt


@pytest.fixture
def dropped(dropout_folder: Path, root: Path, tmp_path: Path) -> Bench:
    return Bench(dropout_folder, root, tmp_path / "phases")


def weights(bench: Bench, chain: ChainIdentity) -> dict[str, torch.Tensor]:
    folder = PhaseStore(bench.store).folder_of(chain.phase_keys[-1])
    assert folder is not None
    return load_file(str(folder / "model.safetensors"))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def target(**changes: Any) -> PhaseIdentity:
    return toy.phase(toy.TAGS, **({"batch": 2, "epochs": 3} | changes))


def tagging(bench: Bench, *before: PhaseIdentity, **changes: Any) -> ChainIdentity:
    return bench.chain(*before, target(**changes), selection=(DEV["tags"],), evaluations=[TAGS_TEST])


@pytest.mark.parametrize("schedule", ["linear", "wsd"])
def test_chain_left_at_two_rungs_ends_as_one_that_ran_through(dropped: Bench, tmp_path: Path, schedule: str) -> None:
    chain = tagging(dropped, INTERMEDIATE, schedule=schedule)
    through = dropped.run(chain)
    expected = weights(dropped, chain)
    dropped.store = tmp_path / "legs"
    torch.manual_seed(99)
    legs = [dropped.run(chain, until=until) for until in (0.125, 0.375)]
    assert [(leg.rung.step, leg.rung.steps) for leg in legs if leg.rung] == [(3, 24), (9, 24)]
    for leg in legs:
        assert leg.rung is not None and leg.selection is not None
        assert leg.rung.score == leg.selection.score and leg.results == ()
        assert [trace.key for trace in leg.phases] == [chain.phase_keys[0]]
    assert outcomes(legs[0]) == ["trained"] and outcomes(legs[1]) == ["reused"]
    counter = Counter()
    last = dropped.run(chain, counter)
    assert last.rung is None and same(weights(dropped, chain), expected)
    assert (last.selection, last.results) == (through.selection, through.results)
    assert replace(last.phases[1], seconds=0.0) == replace(through.phases[1], seconds=0.0)
    assert list((dropped.store / ".inflight").iterdir()) == []


def test_chain_leg_run_again_trains_nothing_and_scores_the_same(dropped: Bench) -> None:
    chain = tagging(dropped)
    first = dropped.run(chain, until=0.5)
    path = PhaseStore(dropped.store).checkpoint_path(chain.phase_keys[0])
    before = path.stat().st_mtime_ns
    counter = Counter()
    again = dropped.run(chain, counter, until=0.5)
    assert counter.last == {} and path.stat().st_mtime_ns == before
    assert again.rung == first.rung and again.selection == first.selection


def test_chain_rung_score_is_that_of_the_weights_of_the_moment(dropped: Bench) -> None:
    """At a rate that is almost zero nothing moves, so every rung has the score of the untrained head."""
    chain = tagging(dropped, lr=1e-12)
    scores = [dropped.run(chain, until=until).rung for until in (0.25, 0.75)]
    whole = dropped.run(chain)
    assert whole.selection is not None
    assert [rung.score for rung in scores if rung] == [whole.selection.score] * 2
    learning = tagging(dropped, lr=1e-2, epochs=12)
    early, late = (dropped.run(learning, until=until).rung for until in (0.02, 0.9))
    assert early is not None and late is not None and late.score > early.score + 20


def test_chain_phase_that_is_in_the_store_gives_its_whole_outcome_at_a_rung(bench: Bench) -> None:
    chain = tagging(bench)
    whole = bench.run(chain)
    again = bench.run(chain, until=0.25)
    assert again.rung is None and outcomes(again) == ["reused"]
    assert (again.selection, again.results) == (whole.selection, whole.results)


def test_chain_leg_that_ends_before_the_checkpoint_leaves_it_there(bench: Bench) -> None:
    chain = tagging(bench)
    far = bench.run(chain, until=0.75)
    path = PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0])
    content = path.read_bytes()
    near = bench.run(chain, until=0.25)
    assert near.rung is not None and near.rung.step == 6 and far.rung is not None and far.rung.step == 18
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"nothing"])
def test_chain_damaged_rung_is_reported_and_trained_again_to_the_same_weights(bench: Bench, damage: Any) -> None:
    chain = tagging(bench)
    before = bench.run(chain, until=0.5)
    path = PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0])
    content = path.read_bytes()
    path.write_bytes(damage(content))
    again = bench.run(chain, until=0.5)
    assert again.rung == before.rung and [line.partition(":")[0] for line in again.damaged] == [path.name]
    assert same(load_file(str(path)), _loaded(content))


def _loaded(content: bytes) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    return load(content)


def test_chain_killed_in_a_leg_ends_as_one_that_ran_through(dropped: Bench, tmp_path: Path) -> None:
    chain = tagging(dropped)
    dropped.run(chain)
    expected = weights(dropped, chain)
    dropped.store, dropped.runtime = tmp_path / "legs", Runtime(checkpoint_seconds=0.0)
    dropped.run(chain, until=0.25)
    with pytest.raises(KeyboardInterrupt):
        dropped.run(chain, Counter(kill_after=9), until=0.5)
    assert dropped.run(chain, until=0.5).rung is not None
    dropped.run(chain)
    assert same(weights(dropped, chain), expected)


def test_chain_that_breaks_its_weights_before_a_rung_is_not_left_there(bench: Bench) -> None:
    chain = tagging(bench, lr=1e38, warmup=0.0)
    with pytest.raises(DivergedError):
        bench.run(chain, until=0.05)
    assert not PhaseStore(bench.store).checkpoint_path(chain.phase_keys[0]).exists()


def test_chain_with_nothing_to_be_chosen_by_has_no_rungs(bench: Bench) -> None:
    found = bench.run(bench.chain(target(epochs=1), evaluations=[TAGS_TEST]), until=0.5)
    assert found.rung is None and outcomes(found) == ["trained"] and len(found.results) == 1


@pytest.mark.parametrize("until", [0.0, -0.5, 1.5])
def test_job_refuses_a_share_that_is_none(bench: Bench, until: float) -> None:
    with pytest.raises(ValueError, match="can't stop after"):
        bench.run(tagging(bench), until=until)


def test_chain_only_its_last_phase_is_cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    train = training.walk.train_phase

    def spied(*args: Any, **options: Any) -> Any:
        asked.append(options["until"])
        return train(*args, **options)

    monkeypatch.setattr(training.walk, "train_phase", spied)
    bench.run(tagging(bench, INTERMEDIATE), until=0.25)
    assert asked == [1.0, 0.25]
