from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.draws import Draw, epoch_draws, language_shares, task_shares
from training.errors import UserError
from training.identity import Mixing

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=4)
MIXINGS = st.one_of(
    st.builds(Mixing, cap=st.integers(1, 80), batches=st.sampled_from(["homogeneous", "mixed"])),
    st.builds(Mixing, kind=st.just("temperature"), temperature=st.floats(1.0, 8.0), cap=st.integers(1, 80)),
)


def single(sizes: list[int]) -> list[tuple[int]]:
    return [(size,) for size in sizes]


def taken(draws: list[Draw], source: int) -> list[int]:
    return [unit for draw in draws for part in draw.parts if part.source == source for unit in part.units.tolist()]


@settings(deadline=None)
@given(SIZES, st.integers(1, 16), st.integers(1, 80), st.integers(0, 5), st.integers(0, 3))
def test_draws_in_proportion_take_each_example_once_up_to_the_cap(
    sizes: list[int], batch: int, cap: int, seed: int, epoch: int
) -> None:
    draws = epoch_draws(single(sizes), batch, Mixing(cap=cap), seed, epoch)
    for source, size in enumerate(sizes):
        units = taken(draws, source)
        assert len(units) == len(set(units)) == min(size, cap)
        assert set(units) <= set(range(size))
        lengths = sorted(draw.size for draw in draws if draw.parts[0].source == source)
        assert lengths[1:] == [batch] * (len(lengths) - 1)
        assert all(1 <= length <= batch for length in lengths)


@given(SIZES, MIXINGS, st.integers(0, 5))
def test_draws_follow_from_seed_and_epoch_alone(sizes: list[int], mixing: Mixing, seed: int) -> None:
    def order(seed: int, epoch: int) -> list[list[tuple[int, list[int]]]]:
        draws = epoch_draws(single(sizes), 4, mixing, seed, epoch)
        return [[(part.source, part.units.tolist()) for part in draw.parts] for draw in draws]

    assert order(seed, 1) == order(seed, 1)
    if sum(min(size, mixing.cap) for size in sizes) > 20:
        assert order(seed, 1) != order(seed, 2)
        assert order(seed, 1) != order(seed + 1, 1)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=60), min_size=1, max_size=3),
    st.integers(1, 8),
    st.integers(1, 9),
)
def test_draws_from_pools_sorted_by_length_take_each_example_once(lengths: list[list[int]], batch: int, pool: int) -> None:
    sizes = [len(part) for part in lengths]
    draws = epoch_draws(single(sizes), batch, Mixing(), 1, 0, lengths=lengths, pool=pool)
    for source, size in enumerate(sizes):
        assert sorted(taken(draws, source)) == list(range(size))
        if pool * batch >= size:
            own = [draw.parts[0].units for draw in draws if draw.parts[0].source == source]
            spans = sorted(sorted(lengths[source][unit] for unit in units) for units in own)
            assert [length for span in spans for length in span] == sorted(lengths[source])


def test_draws_of_several_tasks_are_shuffled_together() -> None:
    sources = [draw.parts[0].source for draw in epoch_draws([(80,), (80,)], 4, Mixing(), 1, 0)]
    assert sources != sorted(sources)
    assert sources.count(0) == sources.count(1) == 20


@settings(deadline=None)
@given(st.lists(st.integers(1, 300), min_size=2, max_size=4), st.integers(1, 40), st.integers(1, 200))
def test_mixed_batches_hold_every_task_in_its_share(sizes: list[int], batch: int, cap: int) -> None:
    draws = epoch_draws(single(sizes), batch, Mixing(cap=cap, batches="mixed"), 1, 0)
    counts = [min(size, cap) for size in sizes]
    assert [len(taken(draws, source)) for source in range(len(sizes))] == counts
    assert sorted(draw.size for draw in draws)[1:] == [batch] * (len(draws) - 1)
    for draw in draws:
        held = Counter({part.source: len(part.units) for part in draw.parts})
        for source, count in enumerate(counts):
            assert abs(held[source] - draw.size * count / sum(counts)) <= len(sizes)


@given(SIZES, MIXINGS)
def test_an_epoch_has_one_size_whatever_the_kind_of_mixing(sizes: list[int], mixing: Mixing) -> None:
    shares = task_shares(sizes, mixing)
    budget = sum(min(size, mixing.cap) for size in sizes)
    assert all(share >= 1 for share in shares)
    assert budget <= sum(shares) < budget + len(sizes)


def test_temperature_brings_shares_nearer_to_each_other() -> None:
    sizes = [9000, 1000]
    assert task_shares(sizes, Mixing(kind="temperature")) == sizes
    assert task_shares(sizes, Mixing(kind="temperature", temperature=2.0)) == [7500, 2500]
    flat = task_shares(sizes, Mixing(kind="temperature", temperature=1e9))
    assert flat == [5000, 5000]


def test_weights_decide_the_shares_and_a_small_task_is_gone_through_again() -> None:
    mixing = Mixing(kind="weights", weights=(1.0, 3.0))
    draws = epoch_draws([(90,), (10,)], 10, mixing, 1, 0)
    assert len(taken(draws, 0)) == 25
    seen = Counter(taken(draws, 1))
    assert sum(seen.values()) == 75
    assert set(seen) == set(range(10))
    assert set(seen.values()) == {7, 8}


def test_weights_that_do_not_fit_the_tasks_are_an_error() -> None:
    with pytest.raises(UserError, match="weights of a mixture"):
        epoch_draws([(90,), (10,)], 10, Mixing(kind="weights", weights=(1.0,)), 1, 0)


def test_languages_are_sampled_with_the_exponent() -> None:
    assert language_shares([900, 100], 1000, 1.0) == [900, 100]
    small = language_shares([1000, 10], 1010, 0.3)[1] / 1010
    assert small == pytest.approx(10**0.3 / (1000**0.3 + 10**0.3), abs=1e-3)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.floats(0.0, 1.0), st.integers(0, 3))
def test_units_of_a_task_are_numbered_through_its_languages(sizes: list[int], alpha: float, epoch: int) -> None:
    units = np.asarray(taken(epoch_draws([sizes], 8, Mixing(alpha=alpha), 1, epoch), 0))
    shares = language_shares(sizes, sum(sizes), alpha)
    ends = np.cumsum([0, *sizes])
    found = [int(((units >= first) & (units < last)).sum()) for first, last in pairwise(ends)]
    assert found == shares


def test_weights_however_large_share_the_whole_epoch() -> None:
    assert task_shares([1000, 500], Mixing(kind="weights", weights=(1e308, 1e308))) == [750, 750]
