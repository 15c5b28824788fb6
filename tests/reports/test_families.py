"""Adjusted p-values belong to one model's table, and keep the errors they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.cells import Pair
from reports.intervals import intervals_json
from reports.statistics.compare import Comparison, Covers
from reports.statistics.families import Method, adjusted, family_sizes
from tests.reports.studies import Study, arms_of, comparisons_of

PLAIN = Comparison(
    delta=1.0, error=1.0, low=0.0, high=2.0, p=0.5, seeds=3, items=9, covers=Covers.BOTH, seed_error=1.0, item_error=1.0
)


def family(*values: float, model: str = "m") -> dict[Pair, Comparison]:
    return {Pair(model, f"task{place}", "xnli"): replace(PLAIN, p=value) for place, value in enumerate(values)}


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        # By hand: Holm 4 x .01, 3 x .02, 2 x .03, 1 x .04 and never falling; B-H 4/1 x .01, 4/2 x .02 ... and never rising.
        (Method.HOLM, [0.04, 0.06, 0.06, 0.06]),
        (Method.BENJAMINI_HOCHBERG, [0.04, 0.04, 0.04, 0.04]),
    ],
)
def test_adjusted_values_are_those_of_the_method(method: Method, wanted: list[float]) -> None:
    assert list(adjusted(family(0.01, 0.02, 0.03, 0.04), method).values()) == pytest.approx(wanted)


def test_family_is_one_model_and_keeps_the_order_of_its_pairs() -> None:
    both = {**family(0.01, 0.5), **family(0.01, model="n")}
    mixed = {pair: both[pair] for pair in sorted(both, key=lambda pair: pair.intermediate)}
    found = adjusted(mixed, "holm")
    assert list(found) == list(mixed)
    assert found[Pair("n", "task0", "xnli")] == 0.01 and found[Pair("m", "task0", "xnli")] == pytest.approx(0.02)
    assert family_sizes(mixed) == {"m": 2, "n": 1}
    assert adjusted({}) == {}


def test_method_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="bonferoni"):
        adjusted(family(0.1), "bonferoni")


@given(st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30))
@settings(max_examples=10, deadline=None)
def test_adjusted_is_never_below_the_plain_value_nor_above_one(values: list[float]) -> None:
    found = family(*values)
    holm, false_share = (list(adjusted(found, method).values()) for method in Method)
    for plain, strict, mild in zip(values, holm, false_share, strict=True):
        assert plain - 1e-15 <= mild <= strict + 1e-12 <= 1.0 + 1e-9


def test_rows_for_a_program_name_family_and_methods() -> None:
    (first, _) = intervals_json(family(0.01, 0.5))
    assert (first["family"], first["family_size"]) == ("m", 2)
    assert (first["p_holm"], first["p_benjamini_hochberg"]) == (0.02, 0.02)


@pytest.mark.slow
def test_holm_claims_little_where_nothing_differs_and_plain_values_do() -> None:
    """30 tables of 27 deltas; `benchmarks/families.py` draws more and larger ones."""
    rng, study = np.random.default_rng(2), Study(seeds=5, intermediates=3, items=100)
    plain, holm = [], []
    for _ in range(30):
        found = comparisons_of(arms_of(study, rng, np.zeros((3, 9))))
        plain.append(min(one.p for one in found.values()) < 0.05)
        holm.append(min(adjusted(found, Method.HOLM).values()) < 0.05)
    assert np.mean(plain) > 0.4 and np.mean(holm) <= 0.14
