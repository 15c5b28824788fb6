from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reports.show import find_record, render_trial, sparkline
from tests.reports.builders import phase, record
from training.errors import UserError
from training.identity import Role
from training.record import CarryReport, Status, TrialRecord, write_paused, write_record


def shown(trial: TrialRecord, width: int = 110) -> str:
    stream = io.StringIO()
    console = Console(width=width, file=stream, color_system=None)
    console.print(render_trial(trial))
    return stream.getvalue()


def test_page_of_a_finished_trial_shows_the_chain_its_phases_and_every_language() -> None:
    text = shown(record("mnli", {"xquad": 71.0, "mlqa": 65.0}))
    assert "xlmr → mnli → xquad, mlqa" in text
    assert "intermediate.lr=1e-05" in text
    assert "carried 52; dropped 1 (head.mlm.weight); initialised 2 (head.nli.weight, head.nli.bias)" in " ".join(text.split())
    assert "package: torch 2.13.0" in text
    assert "1.818 → 0.294" in text and "█▆" in text
    assert "70.00 accuracy on xquad/dev/en" in text
    assert "mean 71.00 (every language, English included)   non-English 68.75   gap +9.00" in text
    languages = [line.split()[0] for line in text.splitlines() if line.strip()[:3] in ("en ", "ar ", "de ", "sw ")]
    assert languages == ["en", "ar", "de", "sw"] * 2


def test_page_says_reused_phases_oracle_selection_and_layer() -> None:
    trial = record(
        "mnli",
        {"tatoeba": 71.0},
        retrieval=["tatoeba"],
        phases=[phase(Role.INTERMEDIATE, "mnli", outcome="reused")],
        synthetic=True,
    )
    assert trial.selection is not None
    text = shown(replace(trial, selection=replace(trial.selection, oracle=True)))
    assert "reused" in text and "ORACLE" in text
    assert "tatoeba/test (layer 14, mean)  SYNTHETIC data (mini world)" in text


def test_page_of_a_failed_trial_gives_the_reason_and_shows_markup_as_text() -> None:
    text = shown(record("none", {"xnli": 0.0}, status=Status.FAILED, reason="loss is [red]NaN[/red]", selected=None, phases=[]))
    assert "loss is [red]NaN[/red]" in text
    assert "no phase" in text and "nothing to choose by" in text


def test_long_list_of_tensors_is_cut_and_counted() -> None:
    names = tuple(f"layer.{index}" for index in range(9))
    trace = replace(phase(Role.TARGET, "xnli"), carry=CarryReport(carried=1, dropped=names), curve=())
    assert "dropped 9 (layer.0, layer.1, layer.2, layer.3, … 5 more)" in " ".join(
        shown(record("none", {"xnli": 1.0}, phases=[trace])).split()
    )


@pytest.mark.parametrize(("values", "bars"), [([], ""), ([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([0.0, 7.0], "▁█")])
def test_sparkline_has_a_bar_a_value_from_lowest_to_highest(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


def test_sparkline_of_many_values_is_cut_to_its_width() -> None:
    made = sparkline([float(number) for number in range(32)])
    assert (len(made), made[0], made[-1]) == (16, "▁", "█")


def test_find_record_takes_the_exact_name_before_a_prefix(tmp_path: Path) -> None:
    trials = [replace(record("none", {"xnli": 1.0}), trial=name) for name in ("xnli-1", "xnli-12", "panx-1")]
    for trial in trials:
        write_record(tmp_path, trial)
    assert find_record(tmp_path, "xnli-1").trial == "xnli-1"
    assert find_record(tmp_path, "pan").trial == "panx-1"
    with pytest.raises(UserError, match=r"(?s)2 trials start so.*xnli-1, xnli-12"):
        find_record(tmp_path, "xnl")
    with pytest.raises(UserError, match=r"(?s)no trial of that name.*the nearest: panx-1"):
        find_record(tmp_path, "pamx-1")


def test_find_record_in_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trial has left a record yet"):
        find_record(tmp_path, "x")


def test_page_of_a_stopped_trial_shows_its_rungs_and_no_selection() -> None:
    text = shown(record("mnli", {"xnli": 0.0}, status=Status.STOPPED, rungs=[(10, 41.25), (30, 47.5)]))
    rows = [line.split() for line in text.splitlines()]
    assert ["0", "10", "80", "41.25"] in rows and ["1", "30", "80", "47.50"] in rows
    assert ["status", "stopped"] in rows and "stopped early: no result" in text and "selection:" not in text
    assert "rungs" not in shown(record("mnli", {"xnli": 60.0}))


def test_trial_that_waits_at_a_rung_is_found_and_its_record_goes_first(tmp_path: Path) -> None:
    waiting = record("mnli", {"xnli": 0.0}, status=Status.PAUSED, rungs=[(10, 41.25)])
    write_paused(tmp_path, waiting)
    assert find_record(tmp_path, waiting.trial[:9]) == waiting
    assert "waits at a rung" in shown(waiting) and "41.25" in shown(waiting)
    write_record(tmp_path, replace(waiting, status=Status.STOPPED))
    assert find_record(tmp_path, waiting.trial).status is Status.STOPPED
