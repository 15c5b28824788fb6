"""The best chain for each target: what it is chosen by, and what is said of the choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.cells import Pair
from reports.frame import Expectation, transfer_tables
from reports.selection import BY_OTHERS, SAYS, Rule, Selected, select
from tests.reports.builders import record
from training.record import TrialRecord


def chosen(records: list[TrialRecord], rule: Rule = Rule.DEV, expected: Expectation | None = None) -> Selected:
    return select(transfer_tables(records, expected), records, rule)


def test_chain_with_the_best_english_dev_score_is_chosen_whatever_it_scores() -> None:
    records = [
        record("none", {"xnli": 79.0}, selected=80.0),
        record("mnli", {"xnli": 70.0}, selected=82.0),
        record("squad_v2", {"xnli": 85.0}, selected=81.0),
    ]
    found = chosen(records).chosen["xnli"]
    assert (found.pair, found.criterion, found.score) == (Pair("xlmr", "mnli", "xnli"), 82.0, 70.0)
    assert (found.basis, found.oracle) == (SAYS[Rule.DEV], False)
    assert [pair.intermediate for pair, _ in found.rivals] == ["mnli", "squad_v2", "none"]


def test_oracle_chooses_by_the_target_and_says_so() -> None:
    records = [record("none", {"xnli": 79.0}, selected=80.0), record("squad_v2", {"xnli": 85.0}, selected=70.0)]
    found = chosen(records, Rule.ORACLE).chosen["xnli"]
    assert (found.pair.intermediate, found.criterion, found.oracle) == ("squad_v2", 85.0, True)
    assert "ORACLE" in found.basis


def test_models_compete_for_a_target() -> None:
    records = [record("none", {"xnli": 79.0}, selected=80.0), record("mnli", {"xnli": 75.0}, selected=81.0, model="base")]
    assert chosen(records).chosen["xnli"].pair == Pair("base", "mnli", "xnli")


def test_seed_with_the_best_dev_score_stands_for_its_setting() -> None:
    records = [
        record("mnli", {"xnli": 70.0 + seed}, seed=seed, selected=dev) for seed, dev in ((1, 80.0), (2, 82.0), (3, 82.0))
    ]
    found = chosen(records).chosen["xnli"]
    assert (found.seed, found.score, found.mean_score) == (2, 72.0, 72.0)
    assert found.criterion == pytest.approx(244 / 3)


def test_retrieval_goes_by_the_trained_targets_since_its_dev_scores_do_not_compare() -> None:
    retrieval = ("tatoeba",)
    records = [
        record("none", {"tatoeba": 31.0}, selected=None, retrieval=retrieval),
        record("mnli", {"tatoeba": 79.0}, selected=99.0, retrieval=retrieval),
        record("squad_v2", {"tatoeba": 74.0}, selected=10.0, retrieval=retrieval),
        record("none", {"xnli": 79.0}, selected=80.0),
        record("mnli", {"xnli": 80.0}, selected=81.0),
        record("squad_v2", {"xnli": 78.0}, selected=83.0),
    ]
    found = chosen(records).chosen["tatoeba"]
    assert (found.pair.intermediate, found.criterion, found.basis) == ("squad_v2", 83.0, BY_OTHERS)
    assert chosen(records[:3]).missing == {"tatoeba": "no pair has an English dev score to be chosen by"}


def test_dev_scores_of_other_data_are_not_compared() -> None:
    other = record("mnli", {"xnli": 85.0}, selected=99.0)
    assert other.selection is not None
    other = replace(other, selection=replace(other.selection, language="de"))
    records = [record("none", {"xnli": 79.0}, selected=80.0), record("squad_v2", {"xnli": 78.0}, selected=81.0), other]
    found = chosen(records).chosen["xnli"]
    assert found.pair.intermediate == "squad_v2"
    assert found.notes == ("not compared: xlmr: mnli (no dev score that all compared pairs have)",)


def test_pairs_without_a_result_are_named_and_a_target_without_one_is_missing() -> None:
    expected = Expectation(
        seeds=(1,), settings={Pair("xlmr", name, task): 1 for name in ("none", "mnli") for task in ("xnli", "panx")}
    )
    found = chosen([record("none", {"xnli": 79.0})], expected=expected)
    assert found.chosen["xnli"].notes == ("not compared: xlmr: mnli (no trial yet)",)
    assert found.missing == {"panx": "no trial yet"}


def test_choice_from_fewer_settings_is_said() -> None:
    records = [record("none", {"xnli": 70.0 + number}, number=number, selected=80.0 + number) for number in range(3)]
    expected = Expectation(seeds=(1,), settings={Pair("xlmr", name, "xnli"): 3 for name in ("none", "mnli")})
    found = chosen([*records, record("mnli", {"xnli": 79.0}, selected=90.0)], expected=expected).chosen["xnli"]
    assert found.notes == ("chosen from fewer settings than others: xlmr: mnli",)
