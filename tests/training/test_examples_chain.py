"""Chains whose intermediate phase learns some of the examples: from memory, from the encoded store, and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, Bench, outcomes
from tests.training.learning.test_rungs import weights
from training.chain import Unwatched
from training.data.corpus import CACHE
from training.identity import ChainIdentity, PhaseIdentity, Role


class StoppedError(Exception):
    """The trial's end, halfway through a phase."""


class Stopping(Unwatched):
    """Stops a chain after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def step(self, step: int, steps: int, loss: float) -> None:
        if step == self.after:
            raise StoppedError


def some(phase: PhaseIdentity, *examples: int) -> PhaseIdentity:
    uses = zip(phase.tasks, examples, strict=True)
    return replace(phase, tasks=tuple(replace(use, examples=count) for use, count in uses))


def chain_of(bench: Bench, examples: int) -> ChainIdentity:
    return bench.chain(some(replace(INTERMEDIATE, epochs=2, batch=2), examples), selection=(DEV["nli"],))


def test_trace_says_how_many_examples_a_phase_had_and_a_number_is_another_phase(bench: Bench) -> None:
    found = [bench.run(chain_of(bench, examples)).phases[0] for examples in (0, 6, 100)]
    assert [trace.examples for trace in found] == [16, 6, 16]
    assert [trace.steps for trace in found] == [16, 6, 16]
    assert len({trace.key for trace in found}) == 3


def test_mixture_has_its_number_of_each_task(bench: Bench) -> None:
    mixture = some(toy.phase(toy.NLI, toy.TAGS, toy.QA, role=Role.INTERMEDIATE, batch=4), 8, 4, 3)
    (trace,) = bench.run(bench.chain(mixture, selection=(DEV["nli"],))).phases
    assert trace.examples == 15


def test_mapped_splits_give_the_weights_of_those_in_memory(bench: Bench, tmp_path: Path) -> None:
    chain = chain_of(bench, 6)
    bench.run(chain)
    mapped = Bench(bench.folder, bench.root, tmp_path / "mapped")
    CACHE._kept.clear()
    assert outcomes(mapped.run(chain, encoded=tmp_path / "encoded")) == ["trained"]
    _same(bench, mapped, chain)


@pytest.mark.parametrize("schedule", ["linear", "wsd"])
def test_phase_of_some_examples_goes_on_to_the_same_weights(bench: Bench, tmp_path: Path, schedule: str) -> None:
    whole = bench.chain(replace(chain_of(bench, 6).phases[0], schedule=schedule), selection=(DEV["nli"],))
    bench.run(whole)
    other = Bench(bench.folder, bench.root, tmp_path / "other")
    other.runtime = replace(other.runtime, checkpoint_seconds=1e-9)
    with pytest.raises(StoppedError):
        other.run(whole, Stopping(4))
    assert outcomes(other.run(whole)) == ["trained"]
    _same(bench, other, whole)


def test_target_phase_still_learns_everything(bench: Bench) -> None:
    found = bench.run(bench.chain(some(INTERMEDIATE, 4), toy.phase(toy.TAGS), selection=(DEV["tags"],)))
    assert [trace.examples for trace in found.phases] == [4, 16]


def _same(first: Bench, second: Bench, chain: ChainIdentity) -> None:
    one, other = weights(first, chain), weights(second, chain)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
