from __future__ import annotations

import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.cells import COLLAPSE
from reports.frame import Expectation, Pair, TransferTable, transfer_tables
from reports.table import transfer_csv, transfer_json, transfer_markdown
from tests.reports.builders import record
from training.record import Status, TrialRecord


def table_of(records: list[TrialRecord], expected: Expectation | None = None) -> TransferTable:
    (table,) = transfer_tables(records, expected)
    return table


def test_choice_takes_the_best_english_dev_score_and_never_the_test_score() -> None:
    table = table_of(
        [
            record("none", {"xnli": 60.0}, number=0),
            record("mnli", {"xnli": 90.0}, number=0, selected=70.0),
            record("mnli", {"xnli": 61.5}, number=1, selected=71.0),
        ]
    )
    cell = table.cells["mnli"]["xnli"]
    assert (cell.setting, cell.score, cell.delta) == (1, 61.5, 1.5)


def test_choice_with_a_tie_takes_the_lowest_number() -> None:
    records = [record("none", {"xnli": 60.0 + number}, number=number, selected=70.0) for number in (2, 1, 3)]
    assert table_of(records).cells["none"]["xnli"].setting == 1


def test_choice_uses_the_mean_over_seeds_of_settings_that_have_every_seed() -> None:
    records = [
        record("none", {"xnli": 60.0}, number=0, seed=1, selected=70.0),
        record("none", {"xnli": 62.0}, number=0, seed=2, selected=72.0),
        record("none", {"xnli": 80.0}, number=1, seed=1, selected=99.0),
    ]
    cell = table_of(records).cells["none"]["xnli"]
    assert (cell.setting, cell.score, cell.seeds, cell.settings_tried, cell.settings_complete) == (0, 61.0, (1, 2), 2, 1)
    assert cell.score_sd == pytest.approx(statistics.stdev([60.0, 62.0]))


def test_score_is_the_official_average_and_keeps_non_english_and_languages() -> None:
    cell = table_of([record("none", {"xnli": 60.0})]).cells["none"]["xnli"]
    assert cell.score == 60.0
    assert cell.non_english == pytest.approx(57.75)
    assert cell.languages["en"] == pytest.approx(66.75)


def test_delta_with_the_same_seeds_has_the_deviation_of_the_paired_differences() -> None:
    records = [record("none", {"xnli": 60.0 + 5 * seed}, seed=seed) for seed in (1, 2)]
    records += [record("mnli", {"xnli": 62.0 + 5 * seed}, seed=seed) for seed in (1, 2)]
    cell = table_of(records).cells["mnli"]["xnli"]
    assert (cell.delta, cell.delta_sd) == (2.0, 0.0)


def test_missing_pair_is_named_and_enters_no_average() -> None:
    records = [record("none", {"xnli": 60.0}), record("none", {"panx": 50.0}), record("mnli", {"xnli": 63.0})]
    table = table_of(records)
    assert table.cells["mnli"]["panx"].score is None
    assert table.averages["mnli"].value is None
    assert "mnli → panx: no trial yet" in table.notes


def test_seed_of_other_pairs_that_is_missing_here_makes_the_cell_incomplete() -> None:
    records = [record("none", {"xnli": 60.0}, seed=1), record("none", {"xnli": 61.0}, seed=2), record("mnli", {"xnli": 63.0})]
    table = table_of(records)
    assert table.cells["mnli"]["xnli"].score is None
    assert "mnli → xnli: no setting has every seed yet (seed 2 missing)" in table.notes


def test_failed_trials_are_counted_and_named() -> None:
    records = [record("none", {"xnli": 60.0}), record("mnli", {"xnli": 0.0}, status=Status.FAILED, reason="diverged")]
    table = table_of(records)
    assert table.cells["mnli"]["xnli"].failed == 1
    assert "mnli → xnli: every trial failed" in table.notes
    assert "failed trial: xlmr-mnli-xnli-0-s1" in table.notes


def test_unequal_budget_is_named_but_a_baseline_with_nothing_to_tune_is_excepted() -> None:
    records = [record("none", {"tatoeba": 30.0}, selected=None, retrieval=["tatoeba"])]
    records += [record("mnli", {"tatoeba": 70.0}, number=number, retrieval=["tatoeba"]) for number in (0, 1)]
    records += [record("qqp", {"tatoeba": 71.0}, retrieval=["tatoeba"])]
    table = table_of(records)
    assert [note for note in table.notes if "budget" in note] == [
        "qqp → tatoeba: chosen from 1 of 2 settings, an unequal tuning budget"
    ]
    assert table.cells["qqp"]["tatoeba"].unequal
    assert not table.cells["none"]["tatoeba"].unequal


def test_fixed_baseline_with_one_seed_is_compared_with_every_seed() -> None:
    records = [record("none", {"tatoeba": 30.0}, selected=None, retrieval=["tatoeba"])]
    records += [record("mnli", {"tatoeba": 70.0 + seed}, seed=seed, retrieval=["tatoeba"]) for seed in (1, 2, 3)]
    cell = table_of(records).cells["mnli"]["tatoeba"]
    assert cell.seed_deltas == (41.0, 42.0, 43.0)
    assert (cell.delta, cell.delta_sd) == (42.0, 1.0)


def test_averages_with_and_without_retrieval() -> None:
    records = [
        record("none", {"xnli": 60.0}),
        record("none", {"tatoeba": 30.0}, selected=None, retrieval=["tatoeba"]),
        record("mnli", {"xnli": 62.0}),
        record("mnli", {"tatoeba": 70.0}, retrieval=["tatoeba"]),
    ]
    table = table_of(records)
    assert table.retrieval == ("tatoeba",)
    assert table.targets == ("xnli", "tatoeba")
    assert (table.averages["none"].value, table.averages_without_retrieval["none"].value) == (45.0, 60.0)
    assert (table.averages["mnli"].value, table.averages_without_retrieval["mnli"].value) == (21.0, 2.0)


def test_average_has_the_deviation_over_seeds_of_the_average() -> None:
    records = [record("none", {task: 60.0}, seed=seed) for task in ("panx", "xnli") for seed in (1, 2)]
    records += [record("mnli", {"panx": 61.0 + seed}, seed=seed) for seed in (1, 2)]
    records += [record("mnli", {"xnli": 64.0 - seed}, seed=seed) for seed in (1, 2)]
    average = table_of(records).averages["mnli"]
    assert (average.value, average.sd) == (2.5, 0.0)


def test_targets_that_share_a_study_have_their_own_cells() -> None:
    records = [record("none", {"xquad": 70.0, "mlqa": 60.0}), record("mnli", {"xquad": 71.0, "mlqa": 58.0})]
    row = table_of(records).cells["mnli"]
    assert {target: cell.delta for target, cell in row.items()} == {"mlqa": -2.0, "xquad": 1.0}


def test_collapse_is_flagged() -> None:
    table = table_of([record("none", {"panx": 62.0}), record("qqp", {"panx": 62.0 + COLLAPSE})])
    assert table.cells["qqp"]["panx"].collapsed
    assert "qqp → panx: collapse (-20.0 points)" in table.notes


def test_table_without_a_baseline_has_scores_and_says_so() -> None:
    table = table_of([record("mnli", {"xnli": 62.0})])
    assert table.cells["mnli"]["xnli"].delta is None
    assert "xnli: no trial without an intermediate task, so there is no delta" in table.notes


def test_oracle_selection_and_different_splits_are_named() -> None:
    base, other = record("none", {"xnli": 60.0}), record("mnli", {"xnli": 61.0})
    assert other.selection is not None
    other = replace(
        other, selection=replace(other.selection, oracle=True), results=tuple(replace(r, split="dev") for r in other.results)
    )
    notes = table_of([base, other]).notes
    assert "mnli → xnli: chosen by an oracle that saw target-language data (xnli/en)" in notes
    assert "xnli: scored on different splits: dev; test" in notes


def test_expectation_names_pairs_that_left_no_record_and_keeps_the_order_of_the_grid() -> None:
    names = ("none", "squad_v2", "mnli")
    expected = Expectation(seeds=(1,), settings={Pair("xlmr", name, "xnli"): 2 for name in names})
    table = table_of([record("none", {"xnli": 60.0}, number=number) for number in (0, 1)], expected)
    assert table.intermediates == names
    assert table.cells["mnli"]["xnli"].settings_expected == 2
    assert "squad_v2, mnli → xnli: no trial yet" in table.notes


def test_tables_are_one_a_model_in_the_order_of_the_grid_and_then_by_name() -> None:
    records = [record("none", {"xnli": 60.0}, model=model) for model in ("xlmr", "mbert")]
    assert [table.model for table in transfer_tables(records)] == ["mbert", "xlmr"]
    expected = Expectation(seeds=(1,), settings={Pair(model, "none", "xnli"): 1 for model in ("xlmr_large", "xlmr")})
    assert [table.model for table in transfer_tables(records, expected)] == ["xlmr_large", "xlmr", "mbert"]


@st.composite
def sweeps(draw: st.DrawFn) -> list[TrialRecord]:
    records = []
    for name in draw(st.lists(st.sampled_from(["none", "mnli", "qqp"]), unique=True)):
        for target in draw(st.lists(st.sampled_from(["xnli", "panx", "tatoeba"]), unique=True)):
            for number in range(draw(st.integers(1, 2))):
                for seed in draw(st.sampled_from([(1,), (1, 2)])):
                    score = draw(st.floats(0, 100))
                    status = draw(st.sampled_from([Status.FINISHED] * 4 + [Status.FAILED]))
                    selected = draw(st.one_of(st.none(), st.floats(0, 100)))
                    retrieval = ["tatoeba"]
                    made = record(
                        name, {target: score}, number=number, seed=seed, status=status, selected=selected, retrieval=retrieval
                    )
                    records.append(made)
    return records


@settings(max_examples=60, deadline=None)
@given(sweeps(), st.randoms())
def test_equal_records_in_any_order_give_equal_bytes(records: list[TrialRecord], dice: random.Random) -> None:
    shuffled = list(records)
    dice.shuffle(shuffled)
    for write in (transfer_csv, transfer_markdown, transfer_json):
        assert write(transfer_tables(records)) == write(transfer_tables(shuffled))


def cells_of(note: str) -> set[str]:
    """The cells that a note is about: `mnli, qqp → xnli, panx: ...`."""
    names, _, targets = note.partition(":")[0].partition(" → ")
    return {f"{name} → {target}" for name in names.split(", ") for target in targets.split(", ")}


@settings(max_examples=60, deadline=None)
@given(sweeps())
def test_every_cell_has_a_score_or_a_note_and_no_average_hides_a_missing_cell(records: list[TrialRecord]) -> None:
    for table in transfer_tables(records):
        for name, row in table.cells.items():
            for target, cell in row.items():
                said = [note for note in table.notes if f"{name} → {target}" in cells_of(note) and cell.reason in note]
                assert cell.score is not None or len(said) == 1
            if any(cell.score is None for cell in row.values()):
                assert table.averages[name].value is None
