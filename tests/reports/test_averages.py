"""Averages over targets have an interval, or a reason why not; never over fewer targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.claims.study import NINE
from reports.frame import transfer_tables
from reports.intervals import averages_json
from reports.statistics.arms import Arm, averaged
from reports.statistics.averages import ALL, WITHOUT_RETRIEVAL, AverageDelta, averages_of
from reports.statistics.compare import Covers, compare
from reports.statistics.transfer import Arms
from tests.reports.full_study import AS_PUBLISHED, RETRIEVAL, row
from tests.reports.studies import Study, arms_of
from training.record import TrialRecord


def found_of(records: list[TrialRecord], folder: Path) -> dict[tuple[str, str], AverageDelta]:
    arms = Arms(records, folder, lambda line: None)
    return {(one.intermediate, one.over): one for one in averages_of(transfer_tables(records), arms)}


def test_average_is_the_tables_with_and_without_retrieval(tmp_path: Path) -> None:
    records = [*row("none", {}), *row("mnli", AS_PUBLISHED)]
    found = found_of(records, tmp_path)
    (table,) = transfer_tables(records)
    whole, kept = found["mnli", ALL], found["mnli", WITHOUT_RETRIEVAL]
    assert whole.found is not None and kept.found is not None
    assert whole.found.delta == pytest.approx(table.averages["mnli"].value)
    assert kept.found.delta == pytest.approx(table.averages_without_retrieval["mnli"].value)
    assert set(whole.targets) - set(kept.targets) == set(RETRIEVAL)
    assert whole.found.covers is Covers.SEEDS and whole.found.low < whole.found.delta < whole.found.high
    assert set(found) == {("mnli", ALL), ("mnli", WITHOUT_RETRIEVAL)}


def test_average_over_targets_that_are_not_all_there_is_none_and_says_so(tmp_path: Path) -> None:
    records = [*row("none", {}), *row("mnli", {}, targets=[target for target in NINE if target != "tatoeba"])]
    found = found_of(records, tmp_path)
    assert found["mnli", ALL].found is None and found["mnli", ALL].missing == ("mnli → tatoeba: no trial yet",)
    assert found["mnli", WITHOUT_RETRIEVAL].found is not None
    (whole, _) = averages_json(list(found.values()))
    assert whole["delta"] is None and whole["missing"] == ("mnli → tatoeba: no trial yet",)


def test_average_over_other_languages_or_another_split_is_none(tmp_path: Path) -> None:
    def changed(one: TrialRecord) -> TrialRecord:
        languages = {code: scores for code, scores in one.results[0].languages.items() if code != "de"}
        return replace(one, results=(replace(one.results[0], languages=languages, split="dev"),))

    records = [*row("none", {}, targets=["xnli"]), *map(changed, row("mnli", {}, targets=["xnli"]))]
    (one,) = found_of(records, tmp_path).values()
    assert one.found is None
    assert [why.partition(": ")[2] for why in one.missing] == [
        "not the languages of none (de in one of them)",
        "scored on dev, none on test",
    ]


def test_one_seed_without_evidence_has_no_average(tmp_path: Path) -> None:
    records = [*row("none", {}, seeds=[1]), *row("mnli", {}, seeds=[1])]
    assert "chance is unknown" in found_of(records, tmp_path)["mnli", ALL].missing[0]


def test_targets_on_the_same_texts_are_named(tmp_path: Path) -> None:
    records = [
        replace(one, targets=("xquad_xr",), results=(replace(one.results[0], task="xquad_xr"),), trial=f"{one.trial}-xr")
        for name in ("none", "mnli")
        for one in row(name, {}, targets=["xquad"])
    ]
    records += [one for name in ("none", "mnli") for one in row(name, {}, targets=["xquad", "mlqa"])]
    assert "xquad and xquad_xr share test texts" in found_of(records, tmp_path)["mnli", ALL].note


def test_items_of_one_test_set_are_one_in_an_average() -> None:
    rows = np.array([[1.0, -1.0, 0.5]])
    first, second = (Arm((1,), np.array([50.0]), rows, (task, "test", "digest", "en")) for task in ("xnli", "xnli_too"))
    other = Arm((1,), np.array([50.0]), rows, ("panx", "test", "another", "en"))
    same, apart = averaged([first, second]), averaged([first, other])
    assert same.items is not None and same.items.tolist() == rows.tolist()
    assert apart.items is not None and apart.items.tolist() == np.hstack([rows / 2, rows / 2]).tolist()


@pytest.mark.parametrize("shared", [0.02, 0.15])
def test_interval_of_an_average_covers_the_truth_as_often_as_it_says(shared: float) -> None:
    """600 draws: the standard error of a coverage of 95 % is 0.9 points; `benchmarks/families.py` draws more."""
    rng, study = np.random.default_rng(4), Study(seeds=3, intermediates=1, shared=shared, own=shared, items=100)
    held = []
    for _ in range(600):
        baseline, mine = arms_of(study, rng, np.zeros((1, study.targets)))
        one = compare(averaged(mine), averaged(baseline))
        held.append(one is not None and one.low <= 0.0 <= one.high)
    assert 0.93 <= np.mean(held) <= 0.985
