"""Trials that early stopping has ended: tried, neither results nor failures; the budget is what was tried on the first seed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.frame import Expectation, Pair, TransferTable, transfer_tables
from reports.table import caption_lines, transfer_csv
from tests.reports.builders import record
from training.record import Status, TrialRecord

RUNGS = [(10, 40.0), (30, 50.0)]
STOPPED = Status.STOPPED


def study(
    intermediate: str, *, tried: int = 4, seeds: Sequence[int] = (1, 2), rungs: Sequence[tuple[int, float]] = RUNGS
) -> list[TrialRecord]:
    """Settings of one pair as early stopping leaves them: setting 1 gets every seed, setting 2 only the first, others stop."""
    records = []
    for number in range(tried):
        ends = number in (1, 2)
        seen = rungs if ends else rungs[:1]
        for seed in seeds if number == 1 else seeds[:1]:
            status = Status.FINISHED if ends else STOPPED
            scored = 60.0 + seed if number == 1 else 90.0
            chosen = 70.0 + number if ends else 40.0
            records.append(
                record(intermediate, {"xnli": scored}, number=number, seed=seed, selected=chosen, status=status, rungs=seen)
            )
    return records


def expected(*intermediates: str, trials: int = 4, seeds: tuple[int, ...] = (1, 2), stopping: bool = True) -> Expectation:
    pairs = {Pair("xlmr", name, "xnli"): trials for name in intermediates}
    return Expectation(seeds=seeds, settings=pairs, stopping=stopping)


def table_of(records: list[TrialRecord], expectation: Expectation | None = None) -> TransferTable:
    (table,) = transfer_tables(records, expectation)
    return table


@pytest.mark.parametrize("told", [True, False])
def test_choice_is_among_the_settings_with_every_seed_and_a_stopped_one_is_no_failure(told: bool) -> None:
    records = study("none") + study("mnli")
    table = table_of(records, expected("none", "mnli") if told else None)
    cell = table.cells["mnli"]["xnli"]
    assert (cell.setting, cell.score, cell.seeds, cell.delta) == (1, 61.5, (1, 2), 0.0)
    assert (cell.settings_tried, cell.settings_complete, cell.settings_stopped, cell.failed) == (4, 1, 2, 0)
    assert not cell.unequal and table.notes == ()
    assert "Settings a pair: 4 (1 of them with every seed), chosen on English dev data." in caption_lines(table)[2]


def test_pair_with_fewer_settings_tried_is_an_unequal_budget_the_baseline_included() -> None:
    for short in ("none", "mnli"):
        other = "mnli" if short == "none" else "none"
        table = table_of(study(short, tried=3) + study(other), expected("none", "mnli"))
        assert table.cells[short]["xnli"].unequal and not table.cells[other]["xnli"].unequal
        assert f"{short} → xnli: chosen from 3 of 4 settings, an unequal tuning budget" in table.notes


def test_setting_that_only_has_another_seed_or_was_given_up_was_not_tried_but_one_that_diverged_was() -> None:
    ends = {
        "lost": record("mnli", {"xnli": 0.0}, number=3, status=Status.FAILED, reason="Given up: its worker was lost 4 times"),
        "late": record("mnli", {"xnli": 0.0}, number=3, seed=2),
        "diverged": record("mnli", {"xnli": 0.0}, number=3, status=Status.FAILED, reason="the loss became NaN"),
    }
    for name, last in ends.items():
        table = table_of([*study("none"), *study("mnli", tried=3), last], expected("none", "mnli"))
        assert table.cells["mnli"]["xnli"].unequal == (name != "diverged")
        given_up = f"given up: {last.trial}: Given up: its worker was lost 4 times"
        assert (given_up in table.notes) == (name == "lost")
        assert (f"failed trial: {last.trial}" in table.notes) == (name == "diverged")


def test_first_seed_is_the_grids_first_and_not_the_smallest() -> None:
    table = table_of(study("none", seeds=(2, 1)), expected("none", seeds=(2, 1)))
    assert table.cells["none"]["xnli"].settings_tried == 4


def test_pair_without_a_finished_setting_says_how_many_were_stopped() -> None:
    records = [record("mnli", {"xnli": 0.0}, number=number, status=STOPPED, rungs=RUNGS) for number in range(3)]
    records.append(record("mnli", {"xnli": 0.0}, number=3, status=Status.FAILED, reason="diverged"))
    table = table_of([*study("none"), *records], expected("none", "mnli"))
    assert "mnli → xnli: no setting was run to its end yet (3 stopped early, 1 failed)" in table.notes
    short = table_of([trial for trial in study("mnli") if trial.seed == 1], expected("mnli"))
    assert "mnli → xnli: no setting has every seed yet (seed 2 missing)" in short.notes


@pytest.mark.parametrize(
    ("rungs", "shown"), [([(20, 40.0), (30, 50.0)], "mnli 25 %, 38 %"), ([(10, 40.0)], "mnli 12 %"), ([], "mnli none")]
)
def test_column_with_other_rungs_is_named(rungs: list[tuple[int, float]], shown: str) -> None:
    table = table_of(study("none") + study("mnli", rungs=rungs), expected("none", "mnli"))
    (note,) = [note for note in table.notes if "rules of early stopping" in note]
    assert note.startswith("xnli: tuned under different rules") and note.endswith(f"rungs none 12 %, 38 %; {shown}")


def test_rungs_that_differ_by_the_rounding_to_whole_steps_are_the_same() -> None:
    def at(steps: int, number: int) -> TrialRecord:
        trial = record(
            "mnli" if steps == 7 else "none", {"xnli": 60.0}, number=number, rungs=[(max(1, round(0.3 * steps)), 50.0)]
        )
        (rung,) = trial.rungs
        return type(trial)(**{**vars(trial), "rungs": (type(rung)(**{**vars(rung), "steps": steps}),)})

    table = table_of([at(steps, number) for steps in (7, 80) for number in range(4)], expected("none", "mnli", seeds=(1,)))
    assert table.notes == ()


def test_settings_beyond_the_plan_of_a_smaller_grid_stay_out() -> None:
    table = table_of(study("none") + study("mnli"), expected("none", "mnli", trials=2))
    assert [table.cells[name]["xnli"].settings_tried for name in ("none", "mnli")] == [2, 2]
    assert not any("budget" in note for note in table.notes)


def test_spreadsheet_counts_the_settings_tried_and_stopped() -> None:
    header, line = transfer_csv([table_of(study("mnli"), expected("mnli"))]).splitlines()[:2]
    row = dict(zip(header.split(","), line.split(","), strict=True))
    assert (row["settings"], row["settings_tried"], row["settings_stopped"], row["settings_expected"]) == ("1", "4", "2", "4")


@settings(max_examples=60, deadline=None)
@given(st.permutations(study("none") + study("mnli", tried=3)), st.booleans())
def test_tables_do_not_depend_on_the_order_of_records(records: list[TrialRecord], told: bool) -> None:
    expectation = expected("none", "mnli") if told else None
    assert transfer_tables(records, expectation) == transfer_tables(study("none") + study("mnli", tried=3), expectation)
