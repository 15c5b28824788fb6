"""Weights that somebody has put into MLflow's model registry are found there, by a real tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweep.gc.needs import Keep
from sweep.gc.registered import registered_trials
from sweep.gc.removal import tidy_store
from sweep.planning.plan import Plan
from sweep.tracking import open_tracker
from sweep.tracking.place import connect, default_uri
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, ended, leave, record_of
from training.record import TrialRecord

pytestmark = pytest.mark.slow


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, list[TrialRecord]]:
    """A settled sweep of two trials that MLflow knows."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plan = begun(tmp_path / "run")
    study = study_of(plan, "mini.none.mini_udpos")
    records = [record_of(plan, study, number, score) for number, score in enumerate((60.0, 40.0))]
    leave(plan, *records)
    for folder in plan.store.glob("*--*"):
        (folder / "MANIFEST.json").write_text("{}")
    for record in records:
        open_tracker(plan.run).mirror(record)
    ended(plan.run)
    return plan, records


def _model_of(run: Path, trial: str) -> Any:
    """The logged model of a trial."""
    client = connect(default_uri(run))
    experiment = client.get_experiment_by_name("sweep small")
    (model,) = [
        model for model in client.search_logged_models([experiment.experiment_id]) if model.tags["sweep.trial"] == trial
    ]
    return model


def test_weights_in_the_registry_stay_and_those_that_are_only_logged_go(mirrored: tuple[Plan, list[TrialRecord]]) -> None:
    plan, (best, beaten) = mirrored
    assert registered_trials(plan.run) == (set(), set())
    client = connect(default_uri(plan.run))
    client.create_registered_model("favourite")
    model = _model_of(plan.run, beaten.trial)
    place = {"source": model.artifact_location, "run_id": model.source_run_id, "model_id": model.model_id}
    client.create_model_version("favourite", **place)
    keys, trials = registered_trials(plan.run) or (set(), set())
    assert keys == {beaten.phases[-1].key} and trials == {beaten.trial}
    tidy_store(plan.run, keep=Keep.NONE, delete=True)
    assert {path.name.rpartition("--")[2] for path in plan.store.glob("*--*")} == {beaten.phases[-1].key}
    assert best.phases[-1].key != beaten.phases[-1].key


def test_registry_that_cannot_be_read_is_not_taken_for_an_empty_one(mirrored: tuple[Plan, list[TrialRecord]]) -> None:
    plan, _ = mirrored
    (plan.run / "mlflow.db").write_bytes(b"no database at all" * 100)
    assert registered_trials(plan.run) is None


def test_sweep_without_a_tracker_has_no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert registered_trials(begun(tmp_path / "run").run) == (set(), set())
    assert not (tmp_path / "run" / "mlflow.db").exists()
