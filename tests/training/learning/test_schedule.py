from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training import toy
from training.identity import PhaseIdentity
from training.learning.schedule import branch_step, curve_every, rate_at, rung_step


def wsd(epochs: int = 2, warmup: float = 0.2, decay: float = 0.3) -> PhaseIdentity:
    return toy.phase(toy.NLI, lr=1.0, epochs=epochs, schedule="wsd", warmup=warmup, decay=decay)


def rates(phase: PhaseIdentity, steps: int) -> list[float]:
    return [rate_at(phase, step, steps) for step in range(steps)]


def test_wsd_warms_up_over_part_of_an_epoch_stays_and_falls_over_the_last_steps() -> None:
    assert rates(wsd(), 20) == pytest.approx(
        [1 / 3, 2 / 3, *[1.0] * 12, 6 / 6, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6],
    )
    assert branch_step(wsd(), 20) == 14


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 60), st.floats(0, 0.99), st.floats(0.01, 0.99))
def test_wsd_phases_of_other_epochs_have_one_trunk(epochs: int, per_epoch: int, warmup: float, decay: float) -> None:
    one, longer = wsd(epochs, warmup, decay), wsd(epochs + 1, warmup, decay)
    steps = epochs * per_epoch
    branch = branch_step(one, steps)
    assert 0 <= branch < steps and branch <= branch_step(longer, steps + per_epoch)
    assert rates(one, steps)[:branch] == rates(longer, steps + per_epoch)[:branch]
    assert curve_every(one, steps) == curve_every(longer, steps + per_epoch)
    assert all(0 < rate <= 1 for rate in rates(one, steps))
    decaying = rates(one, steps)[branch:]
    if branch >= warmup * per_epoch + 1:
        assert decaying == sorted(decaying, reverse=True) and decaying[-1] == pytest.approx(1 / len(decaying))


@pytest.mark.parametrize(
    ("until", "steps", "found"), [(0.125, 16, 2), (0.375, 16, 6), (0.01, 16, 1), (0.5, 1, 1), (0.99, 10, 10)]
)
def test_rung_is_at_its_share_of_the_steps_and_never_before_the_first(until: float, steps: int, found: int) -> None:
    assert rung_step(until, steps) == found
