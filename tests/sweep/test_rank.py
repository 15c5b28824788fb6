"""`sweep rank`: signals from weights that are there, the orders they give, and how those are judged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reports.frame import transfer_tables
from reports.ranking.judging import Signals, ranking, summaries
from reports.ranking.keeping import kept_signals
from sweep.cli import main
from tests.reports.builders import record
from tests.sweep.conftest import Reference


def ranked(cache: Path, run: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    done = CliRunner().invoke(main, ["rank", "--grid", "tiny", "--run", str(run), "--examples", "40", *arguments])
    return done.exit_code, done.stdout


def of(found: list[dict[str, Any]], target: str) -> dict[str, Any]:
    return next(one for one in found if one["target"] == target)


@pytest.mark.ray
def test_finished_phases_are_looked_at_and_the_same_again(
    reference: Reference, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = ranked(cache, reference.run, monkeypatch, "--json")
    assert code == 0
    tags = of(json.loads(said), "mini_udpos")
    for measure in ("logme", "h_score", "probe"):
        assert tags["values"][measure].keys() == {"none", "mini_nli"}
        assert tags["orders"][measure] == ["mini_nli"]
        assert tags["values"][measure]["none"] != tags["values"][measure]["mini_nli"]
    assert tags["values"]["similarity"].keys() == {"mini_nli"} and 0 < tags["values"]["similarity"]["mini_nli"] <= 1
    assert tags["values"]["size"] == {"mini_nli": 96.0} and tags["seconds"] > 0
    assert tags["values"]["task_vector"].keys() == {"mini_nli"} and 0 < abs(tags["values"]["task_vector"]["mini_nli"]) < 1
    kept = {one.target: one for one in kept_signals(reference.run)}
    assert kept["mini_udpos"].values == tags["values"] and kept["mini_tatoeba"].values.keys() == {"size"}
    again = of(json.loads(ranked(cache, reference.run, monkeypatch, "--json", "--target", "mini_udpos")[1]), "mini_udpos")
    assert again["values"] == tags["values"]
    assert {one.target for one in kept_signals(reference.run)} == {"mini_udpos", "mini_tatoeba"}


@pytest.mark.ray
def test_target_without_labels_and_tasks_without_a_phase_are_named(
    reference: Reference, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(reference.run, tmp_path / "run"))
    for folder in (run / "phases").glob("mini_nli-*"):
        shutil.rmtree(folder)
    code, said = ranked(cache, run, monkeypatch)
    assert code == 0
    assert "without all but size: mini_tatoeba has no labelled training data" in said
    assert "without signals of mini_nli: no finished phase of it in the store yet" in said


def test_target_without_a_phase_of_its_own_has_no_task_vector(
    reference: Reference, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(reference.run, tmp_path / "run"))
    for file in (run / "records").glob("*none.mini_udpos*.json"):
        file.unlink()
    tags = of(json.loads(ranked(cache, run, monkeypatch, "--json", "--target", "mini_udpos")[1]), "mini_udpos")
    assert "task_vector" not in tags["values"] and "logme" in tags["values"]
    assert tags["missing"] == {"task_vector": "no finished phase of mini_udpos without an intermediate task in the store yet"}


def test_before_the_first_launch_sizes_are_all_there_is(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = ranked(cache, tmp_path / "nothing", monkeypatch, "--json", "--target", "mini_udpos")
    assert code == 0
    (found,) = json.loads(said)
    assert found["values"].keys() == {"size"}
    assert found["missing"].keys() == {"signals of none", "signals of mini_nli"}


def test_target_that_the_grid_has_not_is_refused(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ranked(cache, tmp_path, monkeypatch, "--target", "xnli")[0] == 2


def test_measure_is_judged_by_the_finished_pairs_alone() -> None:
    scores = {"none": 70.0, "mnli": 80.0, "qqp": 40.0, "squad_v2": 60.0}
    table = transfer_tables([record(name, {"xnli": score}) for name, score in scores.items()])[0]
    signals = Signals(model="xlmr", target="xnli")
    for name, value in {"none": 9.0, "qqp": 3.0, "squad_v2": 2.0, "mnli": 1.0, "ccg": 8.0}.items():
        signals.add("logme", name, value)
    found = ranking(signals, table)
    assert found.orders["logme"] == ["ccg", "qqp", "squad_v2", "mnli"]
    (judged,) = found.judged
    assert judged.regret == {1: pytest.approx(50.0)} and judged.tasks == 3
    assert judged.chance == {1: pytest.approx(100 * (80 - 60) / 80)}
    assert judged.correlation == pytest.approx(-1.0)


def test_nothing_is_judged_without_two_finished_pairs() -> None:
    signals = Signals(model="xlmr", target="xnli")
    signals.add("size", "mnli", 3.0)
    table = transfer_tables([record("mnli", {"xnli": 80.0})])[0]
    assert not ranking(signals, table).judged and not ranking(signals, None).judged


def test_means_are_over_the_targets_on_which_a_measure_was_judged() -> None:
    first, second, alone = (Signals(model="xlmr", target=target) for target in ("xnli", "udpos", "panx"))
    scores = {"mnli": (80.0, 50.0), "qqp": (40.0, 75.0), "ccg": (60.0, 100.0)}
    for number, name in enumerate(scores):
        first.add("logme", name, -number)
        second.add("logme", name, -number)
    first.add("size", "mnli", 1.0)
    alone.add("logme", "mnli", 1.0)
    records = [record(name, {"xnli": one, "udpos": two}) for name, (one, two) in scores.items()]
    table = transfer_tables(records)[0]
    (mean,) = summaries([ranking(signals, table) for signals in (first, second, alone)])
    assert (mean.measure, mean.targets) == ("logme", 2)
    assert mean.regret == {1: pytest.approx((0 + 50) / 2)}
    assert mean.chance == {1: pytest.approx((25 + 25) / 2)}
    assert mean.correlation == pytest.approx((0.5 - 1.0) / 2)
