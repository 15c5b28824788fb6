"""The card of a selected model: what it says, and that names stay text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from reports.cells import result_of
from reports.frame import transfer_tables
from reports.model_card import Ingredient, Loading, model_card, plain
from reports.selection import Rule, select
from tests.reports.builders import record
from training.record import TrialRecord

GOLDEN = Path(__file__).parent / "goldens" / "model_card.md"
INGREDIENTS = (
    Ingredient(name="xlmr", use="pretrained model", source="owner/xlmr@0123"),
    Ingredient(name="mnli", use="intermediate task", licence="OANC and others", source="a page", citation="Williams 2018"),
    Ingredient(name="xnli", use="scored on", licence="CC BY-NC 4.0"),
)


def card(records: list[TrialRecord], target: str = "xnli", rule: Rule = Rule.DEV, why: str = "") -> str:
    chosen = select(transfer_tables(records), records, rule).chosen[target]
    best = next(one for one in records if one.trial == chosen.trial)
    result = result_of(best, target)
    assert result is not None
    loading = Loading(loads_with="AutoModelForSequenceClassification", why_encoder=why)
    return model_card(chosen, best, result, INGREDIENTS, loading)


def test_card_is_the_golden_one() -> None:
    records = [record("none", {"xnli": 79.0}, selected=80.0), record("mnli", {"xnli": 80.5}, selected=81.0)]
    assert card(records) == GOLDEN.read_text(encoding="utf-8")


def test_front_matter_can_be_read_and_has_every_language() -> None:
    text = card([record("mnli", {"xnli": 80.5})])
    about = yaml.safe_load(text.split("---\n")[1])
    assert about["language"] == ["ar", "de", "en", "sw"]
    assert [one["value"] for one in about["model-index"][0]["results"][0]["metrics"]] == [78.25, 78.25, 87.25, 78.25]


def test_oracle_synthetic_data_and_an_encoder_alone_are_said_at_the_top() -> None:
    text = card([record("mnli", {"xnli": 80.5}, synthetic=True)], rule=Rule.ORACLE, why="it has another head")
    top = text.split("## Load it")[0]
    assert "**Synthetic:" in top and "**Oracle:" in top
    assert "This is the encoder alone, since it has another head." in text


def test_retrieval_card_says_where_its_vectors_are_taken() -> None:
    records = [
        record("mnli", {"tatoeba": 79.0}, retrieval=("tatoeba",)),
        record("mnli", {"xnli": 80.0}),
    ]
    text = card(records, "tatoeba")
    assert "the states after layer 14 (`output_hidden_states=True`), pooling: mean" in text


def test_names_that_are_markup_are_shown_as_text() -> None:
    hostile = "<script>alert(1)</script> [x](javascript:alert(1)) `a` |b| ![i](http://e/x.png)\n# big"
    text = card([record(hostile, {"xnli": 80.5}, model="<b>m</b>")])
    body = text.split("---\n", 2)[2]
    assert "<script>" not in body and "<b>" not in body and "\n# big" not in body
    assert "](javascript" not in body.replace("\\]", "") and "](http" not in body.replace("\\]", "")
    rows = [line for line in body.splitlines() if line.startswith("| ") and "script" in line]
    assert rows and all(line.replace("\\|", "").count("|") in (4, 10) for line in rows)


def test_plain_text_of_one_line_is_left_as_it_is() -> None:
    assert plain("squad v2.0 (F1)") == "squad v2.0 (F1)"
    assert plain("a\n\tb") == "a b"


def test_scores_of_a_language_without_a_metric_leave_its_cell_empty() -> None:
    one = record("mnli", {"xnli": 80.5})
    scores = {**one.results[0].languages, "de": {"score": 78.25}}
    changed = replace(one, results=(replace(one.results[0], languages=scores),))
    assert "| de | 78.2 |  | 500 |" in card([changed])
