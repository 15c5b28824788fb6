"""Intervals hold what they promise on data whose truth is known, and say what they are about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.statistics.arms import Arm, arm, averaged, contributions
from reports.statistics.compare import Covers, compare
from tests.reports.worlds import World, draw, of_hits
from training.evidence import Evidence
from training.metrics.units import Form, Units, score_of

RNG = np.random.default_rng(7)
MARKS = Units(Form.MEAN, RNG.random((40, 2)).astype(np.float32))
SPANS = Units(Form.F1, np.stack([RNG.integers(0, 2, 60), RNG.integers(1, 4, 60), RNG.integers(1, 4, 60)], 1).astype(np.uint8))


@pytest.mark.parametrize("units", [MARKS, SPANS])
def test_contribution_of_an_item_is_how_the_score_changes_with_its_weight(units: Units) -> None:
    values = units.values.astype(np.float64)
    found, step = contributions(units), 1e-5

    def weighted(place: int, by: float) -> float:
        weights = np.ones(len(values))
        weights[place] += by
        sums = (weights[:, None] * values).sum(0)
        if units.form is Form.MEAN:
            return float(100 * sums.mean() / weights.sum())
        return float(200 * sums[0] / (sums[1] + sums[2]))

    for place in range(0, len(values), 7):
        slope = (weighted(place, step) - weighted(place, -step)) / (2 * step)
        assert found[place] == pytest.approx(slope, rel=1e-5, abs=1e-8)
    assert found.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("units", [MARKS, SPANS])
def test_sum_of_squared_contributions_is_the_variance_that_a_bootstrap_finds(units: Units) -> None:
    rng, count = np.random.default_rng(0), len(units.values)
    drawn = [score_of(units._replace(values=units.values[rng.integers(0, count, count)])) for _ in range(4000)]
    assert np.sqrt((contributions(units) ** 2).sum()) == pytest.approx(np.std(drawn), rel=0.06)


def test_contributions_without_any_span_are_nought() -> None:
    assert not contributions(Units(Form.F1, np.zeros((3, 3), dtype=np.uint8))).any()


def evidence(parallel: bool, **languages: list[int]) -> Evidence:
    found = {code: Units(Form.MEAN, np.array(hits, dtype=np.uint8)[:, None]) for code, hits in languages.items()}
    return Evidence(task="t", split="test", data="d", form=Form.MEAN, parallel=parallel, languages=found)


def test_items_of_a_translated_test_set_are_one_in_all_languages() -> None:
    hits = {"en": [1, 0, 1, 1], "de": [1, 0, 1, 1]}
    one, many = (arm([1], [75.0], [evidence(parallel, **hits)], ["en", "de"]) for parallel in (True, False))
    assert one.items is not None and many.items is not None
    assert (one.items.shape, many.items.shape) == ((1, 4), (1, 8))
    assert (one.items**2).sum() == pytest.approx(2 * (many.items**2).sum())


def test_arm_without_the_evidence_of_one_seed_has_no_items() -> None:
    kept = evidence(True, en=[1, 0])
    assert arm([1, 2], [50.0, 50.0], [kept, None], ["en"]).items is None
    assert arm([1, 2], [50.0, 50.0], [kept, replace(kept, data="other")], ["en"]).items is None
    assert arm([1, 2], [50.0, 50.0], [kept, evidence(True, en=[1, 0, 1])], ["en"]).items is None
    assert arm([1], [50.0], [kept], ["en", "de"]).items is None
    assert arm([1], [50.0], [kept], ["en"]).items is not None


@pytest.mark.parametrize(("seeds", "scores", "fixed"), [((1,), (1.0, 2.0), False), ((), (), False), ((1, 2), (1.0, 2.0), True)])
def test_arm_of_unfit_parts_is_an_error(seeds: tuple[int, ...], scores: tuple[float, ...], fixed: bool) -> None:
    with pytest.raises(ValueError, match="score"):
        Arm(seeds, np.array(scores), fixed=fixed)


WORLDS = {
    "two seeds": World(seeds=2, items=300, between_seeds=0.05),
    "three seeds": World(seeds=3, items=300, between_seeds=0.05),
    "seeds that differ much": World(seeds=3, items=300, between_seeds=0.3),
    "seeds that do not differ": World(seeds=3, items=300, between_seeds=0.0),
    "five seeds": World(seeds=5, items=300, between_seeds=0.1),
    "one seed": World(seeds=1, items=300, between_seeds=0.0),
}


@pytest.mark.parametrize("name", WORLDS)
def test_interval_of_95_percent_covers_the_truth_so_often_and_false_alarms_are_as_rare(name: str) -> None:
    """1,000 draws: the standard error of a coverage of 95 % is 0.7 points; `benchmarks/intervals.py` draws more."""
    rng = np.random.default_rng(3)
    found = [compare(*map(of_hits, draw(WORLDS[name], rng))) for _ in range(1000)]
    covered = np.mean([one is not None and one.low <= 0.0 <= one.high for one in found])
    assert 0.93 <= covered <= 0.98
    assert np.mean([one is not None and one.p < 0.05 for one in found]) == pytest.approx(1 - covered)


def arm_of(scores: list[float], *, seeds: int = 0, items: bool = True, about: str = "t", fixed: bool = False) -> Arm:
    rng = np.random.default_rng(len(scores))
    rows = rng.normal(0, 0.1, (len(scores), 50))
    names = tuple(range(seeds, seeds + len(scores)))
    return Arm(names, np.array(scores), rows if items else None, (about,) if items else (), fixed)


def test_comparison_says_what_its_interval_is_about() -> None:
    three, other = arm_of([61.0, 62.0, 63.0]), arm_of([60.0, 60.0, 61.0])
    both = compare(three, other)
    assert both is not None and both.covers is Covers.BOTH and both.delta == pytest.approx(5 / 3)
    assert both.error == pytest.approx(np.hypot(both.seed_error or 0, both.item_error or 0))
    one = compare(arm_of([61.0]), arm_of([60.0]))
    assert one is not None and one.covers is Covers.ITEMS and one.seed_error is None
    for unlike in (arm_of([60.0, 60.0, 61.0], items=False), arm_of([60.0, 60.0, 61.0], about="another test set")):
        found = compare(three, unlike)
        assert found is not None and found.covers is Covers.SEEDS and found.item_error is None
    assert compare(arm_of([61.0], items=False), arm_of([60.0], items=False)) is None


def test_fixed_baseline_adds_no_chance_of_seeds() -> None:
    mine = arm_of([61.0, 62.0, 63.0], items=False)
    found = compare(mine, arm_of([60.0], items=False, fixed=True))
    assert found is not None and found.seed_error == pytest.approx(1 / np.sqrt(3))


def test_arms_of_other_seeds_are_compared_unpaired() -> None:
    mine, other = arm_of([61.0, 62.0, 63.0], items=False), arm_of([60.0, 61.0, 62.0], items=False)
    paired, apart = compare(mine, other), compare(mine, replace(other, seeds=(7, 8, 9)))
    assert paired is not None and apart is not None
    assert (paired.error, paired.p) == (0.0, 0.0) and apart.error == pytest.approx(np.sqrt(2 / 3))


@given(st.floats(-3, 3), st.floats(0.01, 2), st.integers(2, 5))
@settings(deadline=None, max_examples=50)
def test_p_is_below_5_percent_just_where_the_interval_leaves_nought_out(shift: float, spread: float, seeds: int) -> None:
    base = arm_of([60.0] * seeds)
    mine = replace(base, scores=60.0 + shift + spread * np.linspace(-1, 1, seeds))
    found = compare(mine, base)
    assert found is not None and 0.0 <= found.p <= 1.0
    if abs(abs(found.delta) - (found.high - found.delta)) > 1e-6:
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_average_over_targets_is_taken_seed_by_seed() -> None:
    first, second = arm_of([60.0, 62.0]), arm_of([50.0, 48.0], about="u")
    found = averaged([first, second, arm_of([30.0], about="r", fixed=True)])
    assert found.scores.tolist() == pytest.approx([140 / 3, 140 / 3]) and found.about == ("t", "u", "r")
    assert found.items is not None and found.items.shape == (2, 150)
    assert averaged([arm_of([1.0], fixed=True)]).fixed
    assert averaged([first, arm_of([1.0, 2.0], items=False)]).items is None
    with pytest.raises(ValueError, match="other seeds"):
        averaged([first, arm_of([1.0, 2.0], seeds=5)])
