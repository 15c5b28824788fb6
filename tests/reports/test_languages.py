from __future__ import annotations

from reports.frame import transfer_tables
from reports.languages import languages_markdown
from tests.reports.builders import record


def test_languages_of_chosen_chains_stand_in_one_table_a_target_english_first() -> None:
    tables = transfer_tables([record("none", {"xnli": 60.0}), record("mnli", {"xnli": 64.0})])
    lines = languages_markdown(tables).splitlines()
    assert lines[0] == "### xlmr: xnli, test split, by language"
    assert lines[2] == "| language | none | mnli |"
    assert lines[4] == "| en | 66.8 | 70.8 |"
    assert [line.split(" | ")[0] for line in lines[4:8]] == ["| en", "| ar", "| de", "| sw"]


def test_languages_of_a_pair_without_a_score_are_shown_as_missing() -> None:
    tables = transfer_tables([record("none", {"xnli": 60.0}), record("mnli", {"panx": 50.0})])
    text = languages_markdown(tables)
    assert "| en | 66.8 | … |" in text and "| en | … | 56.8 |" in text


def test_languages_of_no_records_are_no_text() -> None:
    assert languages_markdown([]) == ""
