"""What is not zero-shot says so wherever its number shows."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from rich.console import Console

from reports.frame import transfer_tables
from reports.languages import languages_markdown
from reports.show import render_trial
from reports.table import render_transfer, transfer_csv, transfer_markdown
from sweep.tracking import names
from tests.reports.builders import phase, record
from training.identity import Role
from training.record import TrialRecord


def mined(intermediate: str, score: float) -> TrialRecord:
    made = record(intermediate, {"bucc2018": score}, retrieval=["bucc2018"])
    result = replace(made.results[0], oracle=True, thresholds={"de": 1.0125})
    return replace(made, results=(result,))


def shown(renderable: object) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


ORACLES = [mined("none", 50.0), mined("mnli", 60.0)]


def test_oracle_is_marked_in_every_table() -> None:
    tables = transfer_tables(ORACLES)
    assert "50.0†" in shown(render_transfer(tables)) and "+10.0†" in shown(render_transfer(tables))
    assert "† marks an oracle" in transfer_markdown(tables)
    assert "ORACLE" in languages_markdown(tables)
    rows = list(csv.DictReader(io.StringIO(transfer_csv(tables))))
    assert {row["oracle"] for row in rows if row["target"] == "bucc2018"} == {"true"}


def test_oracle_is_marked_on_the_page_of_a_trial_and_in_the_tracker() -> None:
    assert "oracle" in shown(render_trial(ORACLES[0]))
    assert names.tags(ORACLES[0])["oracle"] == "bucc2018"
    assert names.params(ORACLES[0])["bucc2018.threshold.de"] == "1.0125"
    assert "oracle" in names.note(ORACLES[0])


def test_what_is_zero_shot_carries_no_mark() -> None:
    trials = [record("none", {"xnli": 70.0}), record("mnli", {"xnli": 71.0})]
    text = shown(render_transfer(transfer_tables(trials)))
    assert "†" not in text and "labelled data" not in text
    assert names.tags(trials[0])["oracle"] == "none"


def test_labelled_data_in_other_languages_is_named() -> None:
    trace = phase(Role.INTERMEDIATE, "xnli_all")
    use = replace(trace.identity.tasks[0], languages=("en", "de", "sw"))
    made = record("xnli_all", {"xnli": 75.0})
    translated = replace(made, phases=(replace(trace, identity=replace(trace.identity, tasks=(use,))), *made.phases[1:]))
    tables = transfer_tables([record("none", {"xnli": 70.0}), translated])
    assert "xnli_all: saw labelled data in de, sw" in transfer_markdown(tables).replace("\\", "")
    assert tables[0].cells["xnli_all"]["xnli"].labelled == ("de", "sw")


def test_text_for_masked_language_modelling_is_not_labelled_data() -> None:
    trace = phase(Role.INTERMEDIATE, "xtreme_mlm")
    use = replace(trace.identity.tasks[0], head="mlm", languages=("en", "de"))
    made = record("with_mlm", {"xnli": 75.0})
    mixed = replace(made, phases=(replace(trace, identity=replace(trace.identity, tasks=(use,))), *made.phases[1:]))
    assert transfer_tables([record("none", {"xnli": 70.0}), mixed])[0].cells["with_mlm"]["xnli"].labelled == ()
