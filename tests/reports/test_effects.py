"""The mixed model finds what is in the data, and gives nothing where it can't."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.frame import transfer_tables
from reports.statistics.effects import Observation, effect_of, effects_of
from tests.reports.full_study import RETRIEVAL, row
from tests.reports.studies import MEAN, Spread, observations_of

USUAL = Spread(seeds=3, seed=0.5, seed_target=0.7, language=0.7, language_target=0.7, rest=1.0)


def usual() -> list[Observation]:
    return observations_of(USUAL, np.random.default_rng(1))


def test_effect_is_the_mean_over_targets_with_the_variance_of_its_sources() -> None:
    found = effect_of(usual())
    assert found.effect is not None and found.low is not None and found.high is not None and found.error is not None
    assert abs(found.effect - MEAN) < 3 * found.error and found.low < MEAN < found.high
    assert found.error**2 == pytest.approx(sum(part for part, _ in found.parts))
    assert [freedom for _, freedom in found.parts] == [2, 12, 19]
    assert (found.seeds, found.languages, found.observations) == (3, 20, 3 * 89)
    assert 0.5 < found.deviations["rest"] < 1.5


def test_error_is_that_of_the_library_so_the_sources_add_up() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    from reports.statistics.effects import SOURCES, Design

    design = Design(usual())
    each = list(design.levels.values())
    names = [[[f"{place}" for place in range(one.shape[1])]] for one in each]
    nothing = np.zeros((len(design.delta), 0))
    spec = VCSpec(list(SOURCES), names, [[one] for one in each])
    fit = MixedLM(design.delta, design.targets, np.zeros(len(design.delta)), exog_re=nothing, exog_vc=spec).fit()
    found = effect_of(usual())
    assert found.effect == pytest.approx(float(fit.params[0]), abs=0.01)
    assert found.error == pytest.approx(float(fit.bse_fe[0]), rel=0.02)


def test_targets_weigh_the_same_whatever_their_number_of_languages() -> None:
    """A target with 20 languages and 0 points beside one with 4 languages and 6: the effect is near 3, not near 1."""
    rng = np.random.default_rng(3)
    of_seed, of_language = rng.normal(0, 0.3, 5), rng.normal(0, 0.3, 20)
    rows = [
        Observation(target, seed, f"l{language}", float(place + of_seed[seed] + of_language[language] + rng.normal(0, 0.3)))
        for target, level, count in (("wide", 0.0, 20), ("narrow", 6.0, 4))
        for shift in (rng.normal(0, 0.1, 5),)
        for language in range(count)
        for place in (level + rng.normal(0, 0.3),)
        for seed in range(5)
        for place in (place + shift[seed],)
    ]
    found = effect_of(rows)
    assert found.effect == pytest.approx(3.0, abs=0.6)


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (lambda row: row.seed == 0, "1 seed, 2 are needed"),
        (lambda row: row.target == "target0", "1 target, 2 are needed"),
        (lambda row: row.language in ("language1", "language2"), "2 languages, 3 are needed"),
    ],
)
def test_too_little_to_fit_gives_a_reason(keep: object, why: str) -> None:
    found = effect_of([row for row in usual() if keep(row)])
    assert found.effect is None and found.low is None and why in found.why


def test_variance_of_nought_gives_a_reason_and_no_effect() -> None:
    flat = observations_of(
        Spread(seeds=3, seed=0, seed_target=0, language=0, language_target=0, rest=1.0), np.random.default_rng(0)
    )
    found = effect_of(flat)
    assert found.effect is None and ("nought" in found.why or "converge" in found.why)


def test_effects_of_a_table_leave_retrieval_out_and_name_what_is_missing() -> None:
    records = [*row("none", {}), *row("mnli", {}), *row("qqp", {}, targets=["xnli", "panx"])]
    found = {one.intermediate: one for one in effects_of(transfer_tables(records), records)}
    assert set(found) == {"mnli", "qqp"} and not set(found["mnli"].targets) & set(RETRIEVAL)
    assert found["mnli"].observations == 7 * 3 * 4
    assert found["qqp"].effect is None and "qqp → tydiqa: no trial yet" in found["qqp"].why


def test_records_of_no_languages_in_common_are_refused(tmp_path: Path) -> None:
    records = [*row("none", {}, targets=["xnli"]), *row("mnli", {}, targets=["xnli"])]
    (found,) = effects_of(transfer_tables(records), records)
    assert found.why.startswith("1 target, 2 are needed")


@pytest.mark.slow
def test_interval_of_the_effect_covers_the_truth_and_the_librarys_own_less_often() -> None:
    """40 draws where seeds matter: `benchmarks/families.md` has more."""
    rng, spread = np.random.default_rng(9), Spread(3, 1.0, 0.5, 0.3, 0.5, 1.0)
    found = [one for _ in range(40) if (one := effect_of(observations_of(spread, rng))).effect is not None]
    ours = [one.low <= MEAN <= one.high for one in found if one.low is not None and one.high is not None]
    own = [abs((one.effect or 0.0) - MEAN) <= 1.96 * (one.error or 0.0) for one in found]
    assert len(found) > 25 and np.mean(ours) >= 0.85 and np.mean(own) < np.mean(ours)


def test_fit_of_more_observations_than_asked_for_is_left_out_with_a_reason() -> None:
    records = [*row("none", {}, targets=("xnli", "panx")), *row("mnli", {}, targets=("xnli", "panx"))]
    (found,) = effects_of(transfer_tables(records), records, most=23)
    assert found.effect is None and found.why.startswith("24 observations, more than 23")
    (found,) = effects_of(transfer_tables(records), records, most=24)
    assert "observations" not in found.why
