"""A chain's durations, and when it writes checkpoints, while somebody sets the machine's clock."""

from __future__ import annotations

import time

import pytest

from tests.training import toy
from tests.training.bench import DEV, TAGS_TEST, Bench


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_durations_are_those_of_the_work(bench: Bench, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    looks, real, begun = [0], time.time, time.monotonic()

    def jumping() -> float:
        looks[0] += 1
        return real() + jump * looks[0]

    monkeypatch.setattr(time, "time", jumping)
    found = bench.run(bench.chain(toy.phase(toy.TAGS), selection=(DEV["tags"],), evaluations=[TAGS_TEST]))
    took = time.monotonic() - begun
    assert all(0 <= seconds <= took for seconds in found.timing.values())
    assert all(0 <= trace.seconds <= took for trace in found.phases)
