from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from reports.frame import TransferTable, transfer_tables
from reports.table import render_transfer, transfer_csv, transfer_json, transfer_markdown
from tests.reports.builders import record
from training.record import Status, TrialRecord

GOLDENS = Path(__file__).parent / "goldens"


def shown(what: RenderableType, width: int = 100) -> str:
    stream = io.StringIO()
    console = Console(width=width, file=stream, color_system=None)
    console.print(what)
    return stream.getvalue()


def sweep_records(*, synthetic: bool = False) -> list[TrialRecord]:
    """Three intermediates on three targets, two seeds: a collapse, a pair with a failure, and an unequal budget."""
    records = [record("none", {"tatoeba": 31.0}, selected=None, retrieval=["tatoeba"], synthetic=synthetic)]
    scores = {"none": (80.0, 62.0, None), "mnli": (79.0, 62.5, 79.75), "qqp": (75.5, 17.0, 80.5)}
    for name, (xnli, panx, tatoeba) in scores.items():
        for seed in (1, 2):
            for number in (0, 1) if name != "qqp" else (0,):
                chosen = 70.0 + number
                shared: dict[str, Any] = {"number": number, "seed": seed, "selected": chosen, "synthetic": synthetic}
                records.append(record(name, {"xnli": xnli + seed + number}, **shared))
                status = Status.FAILED if (name, number, seed) == ("mnli", 1, 2) else Status.FINISHED
                records.append(record(name, {"panx": panx + seed / 2}, status=status, **shared))
                if tatoeba is not None:
                    records.append(record(name, {"tatoeba": tatoeba + seed}, retrieval=["tatoeba"], **shared))
    return records


@pytest.mark.parametrize(("write", "name"), [(transfer_csv, "transfer.csv"), (transfer_markdown, "transfer.md")])
def test_written_table_is_the_golden_file(write: Callable[[Sequence[TransferTable]], str], name: str) -> None:
    text = write(transfer_tables(sweep_records(synthetic=True)))
    assert text == (GOLDENS / name).read_text(encoding="utf-8")


def test_csv_has_a_line_a_cell_and_two_a_row_for_averages() -> None:
    rows = list(csv.DictReader(io.StringIO(transfer_csv(transfer_tables(sweep_records())))))
    assert len(rows) == 3 * (3 + 2)
    (cell,) = [row for row in rows if (row["intermediate"], row["target"]) == ("mnli", "xnli")]
    assert (cell["score"], cell["delta"], cell["seeds"], cell["setting"]) == ("81.5000", "-1.0000", "1 2", "1")


def test_json_holds_every_language_and_seed() -> None:
    (table,) = json.loads(transfer_json(transfer_tables(sweep_records())))
    cell = table["cells"]["mnli"]["tatoeba"]
    assert sorted(cell["languages"]) == ["ar", "de", "en", "sw"]
    assert cell["seed_scores"] == [80.75, 81.75]


def test_rendering_at_100_columns_keeps_every_number_on_its_line() -> None:
    targets = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
    retrieval = ["bucc2018", "tatoeba"]
    records = []
    for place, target in enumerate(targets):
        for name in ("none", "commonsenseqa"):
            for seed in (1, 2):
                score = 60.125 + place + seed + (10.0 if name != "none" else 0.0)
                records.append(record(name, {target: score}, seed=seed, retrieval=retrieval))
    lines = shown(render_transfer(transfer_tables(records))).splitlines()
    assert max(map(len, lines)) <= 100
    (row,) = [line for line in lines if line.strip().startswith("commonsenseqa")]
    assert row.split() == ["commonsenseqa"] + ["+10.0"] * 11


def test_rendering_says_what_the_numbers_are() -> None:
    text = " ".join(shown(render_transfer(transfer_tables(sweep_records()))).split())
    for part in ("English included", "Scored on test: panx, xnli, tatoeba", "Seeds: 2", "chosen on English dev data"):
        assert part in text
    assert "SYNTHETIC" not in text


def test_rendering_marks_synthetic_data_collapse_missing_and_unequal_cells() -> None:
    text = shown(render_transfer(transfer_tables(sweep_records(synthetic=True))))
    assert "SYNTHETIC data (mini world)" in text
    assert "-45.0!*" in text
    assert "chosen from 1 of 2 settings" in text
    missing = [record("none", {"xnli": 60.0}), record("none", {"panx": 60.0}), record("mnli", {"xnli": 61.0})]
    (row,) = [
        line for line in shown(render_transfer(transfer_tables(missing))).splitlines() if line.strip().startswith("mnli ")
    ]
    assert row.split() == ["mnli", "…", "+1.0", "…"]


def test_rendering_without_a_baseline_shows_scores_in_brackets() -> None:
    assert "(61.0)" in shown(render_transfer(transfer_tables([record("mnli", {"xnli": 61.0})])))


def test_rendering_nothing_says_so() -> None:
    assert shown(render_transfer([])).strip() == "no finished trial yet"


def test_names_with_markup_are_shown_as_they_are() -> None:
    tables = transfer_tables(
        [record("none", {"x[red]y": 1.0}, model="[bold]m"), record("a[/]", {"x[red]y": 1.0}, model="[bold]m")]
    )
    text = shown(render_transfer(tables), 160)
    assert "[bold]m" in text and "x[red]y" in text and "a[/]" in text
