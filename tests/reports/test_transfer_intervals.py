"""Intervals of a table's cells come from the evidence beside the records, and from nothing that does not fit them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from reports.cells import Pair
from reports.frame import transfer_tables
from reports.intervals import intervals_json, intervals_text, render_intervals
from reports.statistics.compare import Comparison, Covers
from reports.statistics.transfer import interval_of_each
from tests.reports.builders import record, result
from training.evidence import Evidence, evidence_path, write_evidence
from training.metrics.units import Form, Units, score_of
from training.record import TrialRecord

LANGUAGES = ("de", "en")


def trial(folder: Path, intermediate: str, seed: int, chance: float, *, data: str = "d", keep: bool = True) -> TrialRecord:
    """A trial on `xnli` whose hits are drawn, with its evidence in the folder."""
    rng = np.random.default_rng([seed, int(100 * chance)])
    units = {code: Units(Form.MEAN, (rng.random((200, 1)) < chance).astype(np.uint8)) for code in LANGUAGES}
    scores = {code: {"score": score_of(one)} for code, one in units.items()}
    mean = float(np.mean([one["score"] for one in scores.values()]))
    made = record(intermediate, {"xnli": mean}, seed=seed)
    made = replace(made, results=(replace(result("xnli", mean, languages=LANGUAGES), languages=scores),))
    if keep:
        one = Evidence(task="xnli", split="test", data=data, form=Form.MEAN, parallel=True, languages=units)
        write_evidence(folder, made.trial, [one])
    return made


def found_of(records: list[TrialRecord], folder: Path) -> tuple[dict[Pair, Comparison], list[str]]:
    told: list[str] = []
    return interval_of_each(transfer_tables(records), records, folder, told.append), told


def both(folder: Path, seeds: tuple[int, ...] = (1, 2, 3), **more: bool) -> list[TrialRecord]:
    arms = (("none", 0.6), ("mnli", 0.8))
    return [trial(folder, name, seed, chance, keep=more.get(name, True)) for name, chance in arms for seed in seeds]


def test_delta_has_an_interval_from_seeds_and_items(tmp_path: Path) -> None:
    records = both(tmp_path)
    found, told = found_of(records, tmp_path)
    (table,) = transfer_tables(records)
    (pair,) = found
    one = found[pair]
    assert pair == Pair("xlmr", "mnli", "xnli") and told == []
    assert one.delta == pytest.approx(table.cells["mnli"]["xnli"].delta)
    assert (one.covers, one.seeds, one.items) == (Covers.BOTH, 3, 200)
    assert one.low < one.delta < one.high and one.low > 0 and one.p < 0.05


def test_one_seed_leaves_the_items(tmp_path: Path) -> None:
    found, _ = found_of(both(tmp_path, (1,)), tmp_path)
    assert [one.covers for one in found.values()] == [Covers.ITEMS]


def test_evidence_of_one_side_leaves_the_seeds(tmp_path: Path) -> None:
    found, told = found_of(both(tmp_path, none=False), tmp_path)
    assert [one.covers for one in found.values()] == [Covers.SEEDS] and told == []


def test_evidence_of_other_data_is_not_paired(tmp_path: Path) -> None:
    records = [trial(tmp_path, "none", seed, 0.6) for seed in (1, 2)]
    records += [trial(tmp_path, "mnli", seed, 0.8, data="others") for seed in (1, 2)]
    found, _ = found_of(records, tmp_path)
    assert [one.covers for one in found.values()] == [Covers.SEEDS]


def test_damaged_evidence_is_told_and_not_used(tmp_path: Path) -> None:
    records = both(tmp_path)
    evidence_path(tmp_path, records[0].trial).write_bytes(b"no tensors")
    found, told = found_of(records, tmp_path)
    assert [one.covers for one in found.values()] == [Covers.SEEDS]
    assert len(told) == 1 and "can't be read" in told[0]


def test_records_of_one_seed_without_evidence_have_no_interval(tmp_path: Path) -> None:
    found, _ = found_of(both(tmp_path, (1,), none=False, mnli=False), tmp_path)
    assert found == {}
    assert "no interval yet" in shown(found)


def shown(found: dict[Pair, Comparison]) -> str:
    stream = io.StringIO()
    Console(file=stream, width=100).print(render_intervals(found))
    return stream.getvalue()


def test_intervals_are_shown_with_what_they_are_about(tmp_path: Path) -> None:
    found, _ = found_of(both(tmp_path, (1,)), tmp_path)
    text = shown(found)
    one = next(iter(found.values()))
    assert f"{one.delta:+.1f}" in text and f"{one.low:+.1f} to {one.high:+.1f}" in text
    assert "1 of 1 intervals are about the test items alone" in text and "(xlmr: 1)" in text
    hostile = {Pair("[red]m", "<b>x", "t"): replace(one, p=1e-9)}
    assert "[red]m" in shown(hostile) and "<0.001" in shown(hostile)


def test_intervals_for_a_program_name_the_pair_and_round(tmp_path: Path) -> None:
    found, _ = found_of(both(tmp_path), tmp_path)
    said = json.loads(intervals_text(found))
    (row,) = said["pairs"]
    assert said["averages"] == []
    assert row == intervals_json(found)[0]
    assert (row["intermediate"], row["target"], row["covers"]) == ("mnli", "xnli", "seeds and items")
