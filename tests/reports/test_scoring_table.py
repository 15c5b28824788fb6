"""The transfer table says where the clean scorer disagrees with the official one, and reads records without clean scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.frame import transfer_tables
from reports.table import render_transfer, transfer_csv, transfer_markdown
from tests.reports.builders import record
from tests.reports.test_table import shown
from training.record import TrialRecord


def with_clean(made: TrialRecord, above: float) -> TrialRecord:
    """The record with clean scores `above` the official ones."""
    results = tuple(
        replace(
            result,
            languages={code: {**scores, "clean": scores["score"] + above} for code, scores in result.languages.items()},
        )
        for result in made.results
    )
    return replace(made, results=results)


def noted(records: list[TrialRecord]) -> str:
    tables = transfer_tables(records)
    text = " ".join(shown(render_transfer(tables), 160).split())
    assert ("clean" in text) == ("clean" in transfer_markdown(tables))
    return text


def test_table_prints_official_and_notes_a_target_whose_clean_average_differs() -> None:
    records = [with_clean(record("none", {"udpos": 75.7}), 2.5), with_clean(record("mnli", {"udpos": 76.0}), 2.5)]
    text = noted(records)
    assert "udpos: clean (token accuracy) 78.2 where official says 75.7 (none), 78.5 where official says 76.0 (mnli)" in text
    assert ",75.7000," in transfer_csv(transfer_tables(records))


@pytest.mark.parametrize(("above", "said"), [(0.04, False), (0.06, True), (-0.06, True)])
def test_table_notes_differences_from_a_twentieth_of_a_point_on(above: float, said: bool) -> None:
    assert ("clean" in noted([with_clean(record("none", {"xquad": 75.0}), above)])) == said


def test_table_of_records_without_clean_scores_is_as_it_was() -> None:
    old = record("none", {"udpos": 75.7})
    assert "clean" not in noted([old])
    (table,) = transfer_tables([old])
    assert table.cells["none"]["udpos"].clean is None


def test_table_of_seeds_of_which_one_has_no_clean_score_leaves_it_out() -> None:
    records = [with_clean(record("none", {"udpos": 75.7}, seed=1), 2.5), record("none", {"udpos": 75.7}, seed=2)]
    assert "clean" not in noted(records)
