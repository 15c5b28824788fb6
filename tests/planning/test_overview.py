"""`sweep plan`: what is cached, shared and left, from the store and the records, with what the rest takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sweep.cli import main
from sweep.planning.nominal import NominalPlan
from sweep.planning.overview import overview
from sweep.planning.plan import Plan, trial_name
from tests.sweep.plans import SMALL, plan_of, score_record, study_of
from training.record import write_record

STOPPED = "seeds: [1, 2]\n" + SMALL.replace("trials: 3", "trials: 3\n  at_once: 3\n  stopping: {rungs: [0.5]}")


def _shown(plan: Plan) -> dict[str, Any]:
    return overview(NominalPlan(plan=plan, splits=tuple(plan.digests), models=()))


def _store(plan: Plan, *keys: str) -> None:
    for key in keys:
        (plan.store / f"phase--{key}").mkdir(parents=True)


def test_new_grid_has_everything_to_train(tmp_path: Path) -> None:
    shown = _shown(plan_of(run=tmp_path / "run"))
    # of chains: three through phase 0 and a target, one of phase 0 alone, three through all, one without a target
    assert shown["left"] == {
        "trials": 8,
        "stopped_early": 0,
        "phases_cached": 0,
        "phases_to_train": 1 + 1 + 6,
        "phases_stopped_early": 0,
        "phases_shared": 3 * 2 + 1 + 3 * 3 + 2 - 8,
    }
    assert shown["phases"] == {"pretrain": 1, "intermediate": 1, "target": 6}
    assert shown["nominal"]["unsized"] == ["mini"]  # its folder is not there
    assert not (tmp_path / "run").exists()


def test_uses_of_phases_are_cached_shared_or_trained(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path / "run")
    chain = plan.chain(study_of(plan, "mini.mini_nli.mini_tatoeba"), {"intermediate.lr": 3e-4, "intermediate.epochs": 1}, 1)
    before = _shown(plan)["left"]
    _store(plan, *chain.phase_keys)
    after = _shown(plan)
    assert (before["phases_cached"], after["left"]["phases_cached"]) == (0, 2)
    assert after["left"]["phases_to_train"] == before["phases_to_train"] - 2
    assert after["left"]["phases_shared"] == before["phases_shared"]
    assert after["phases_in_store"] == 2


def test_trial_with_a_record_is_done_and_its_training_is_in_no_estimate(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path / "run")
    study = study_of(plan, "mini.none.mini_tatoeba")
    name = trial_name(study, 0, 1, plan.chain(study, {}, 1))
    write_record(plan.run, replace(score_record(study, 0, 1, {}, 50.0, name), timing={"start": 1.5, "seconds": 9.0}))
    shown = _shown(plan)
    assert shown["done"] == 1
    assert shown["left"]["trials"] == shown["trials"] - 1
    assert {entry["study"]: entry["done"] for entry in shown["studies"]}[study.name] == 1


def test_early_stopping_is_in_the_estimate(tmp_path: Path) -> None:
    stopped, whole = (_shown(plan_of(text, run=tmp_path / "run")) for text in (STOPPED, "seeds: [1, 2]\n" + SMALL))
    assert stopped["left"]["stopped_early"] > 0
    assert stopped["tokens"] < whole["tokens"]
    assert stopped["gpu_hours"]["likely"] < whole["gpu_hours"]["likely"]
    assert stopped["left"]["phases_stopped_early"] > 0


def test_time_falls_with_the_number_of_gpus_and_ranges_keep_their_order(tmp_path: Path) -> None:
    shown = _shown(plan_of(run=tmp_path / "run"))
    times = [shown["hours_at"][count] for count in ("1", "8", "64")]
    assert [time["likely"] for time in times] == sorted((time["likely"] for time in times), reverse=True)
    for span in (*times, shown["gpu_hours"]):
        assert span["low"] <= span["likely"] <= span["high"]


def test_finished_grid_has_nothing_left(tmp_path: Path) -> None:
    plan = plan_of(SMALL.replace("targets: [mini_udpos, mini_tatoeba]", "targets: [mini_tatoeba]"), run=tmp_path / "run")
    for study in plan.studies:
        setting = {} if study.intermediate.is_baseline else {"intermediate.lr": 3e-4, "intermediate.epochs": 1}
        name = trial_name(study, 0, 1, plan.chain(study, setting, 1))
        write_record(plan.run, score_record(study, 0, 1, setting, 50.0, name))
    shown = _shown(plan)
    assert (shown["done"], shown["left"]["trials"], shown["tokens"]) == (2, 0, 0)
    assert shown["gpu_hours"]["high"] == 0


def test_plan_is_printed_for_a_person_and_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["plan", "--grid", "tiny", "--run", str(tmp_path / "run"), "--price", "2"]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 0, said.output
    for part in (
        "left: ",
        "work: ",
        "hours of trials",
        "time, by number of trials at once: 1: ",
        "store: up to ",
        "rates: ",
        "run it: ",
    ):
        assert part in said.stdout
    assert "no data here" not in said.stdout
    shown = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert shown["nominal"] == {"tasks": [], "models": [], "unsized": []}
    assert shown["sizes_assumed"] == {}
    assert shown["money"]["price"] == 2.0
