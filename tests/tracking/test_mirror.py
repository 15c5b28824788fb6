from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweep.tracking import Tracker, TrackingError, open_tracker, sync
from sweep.tracking.place import connect, default_uri
from tests.reports.builders import phase, record
from training.errors import UserError
from training.identity import Role
from training.record import Status, TrialRecord, record_path, write_record


def client_of(folder: Path) -> Any:
    return connect(default_uri(folder))


def runs_of(folder: Path) -> dict[str, Any]:
    """All live runs by their trial, a sweep's own by its name; two of one trial are a failure."""
    client = client_of(folder)
    experiment = client.get_experiment_by_name("sweep all")
    runs = list(client.search_runs([experiment.experiment_id]))
    found = {run.data.tags.get("sweep.trial", run.info.run_name): run for run in runs}
    assert len(found) == len(runs)
    return found


def models_of(folder: Path) -> list[Any]:
    client = client_of(folder)
    return list(client.search_logged_models([client.get_experiment_by_name("sweep all").experiment_id]))


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that the mirror has written, without the moments at which it was written."""
    tables = ("runs", "params", "tags", "metrics", "latest_metrics", "inputs", "logged_model_metrics", "logged_model_tags")
    with sqlite3.connect(folder / "mlflow.db") as database:
        return {table: sorted(database.execute(f"select * from {table}"), key=repr) for table in tables}


def phase_files(folder: Path, trial: TrialRecord, size: int = 100) -> Path:
    made = folder / "phases" / f"{trial.phases[-1].identity.name}--{trial.phases[-1].key}"
    made.mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"w" * size)
    (made / "config.json").write_text("{}")
    (made / "MANIFEST.json").write_text("{}")
    return made


def test_trial_becomes_a_run_below_its_sweep(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 71.0})
    open_tracker(run_folder).mirror(trial)
    runs = runs_of(run_folder)
    run, parent = runs[trial.trial], runs["all-7c41d2"]
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert run.data.params["intermediate.lr"] == "1e-05" and run.data.params["intermediate"] == "mnli"
    assert run.data.metrics["xnli/mean"] == 71.0
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 1772366400000, 1772366433500)
    history = client_of(run_folder).get_metric_history(run.info.run_id, "phase/intermediate/loss")
    assert [(point.step, point.value) for point in history] == list(trial.phases[0].curve)


def test_failed_trial_becomes_a_failed_run_that_says_why(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 0.0}, status=Status.FAILED, reason="loss became NaN at step 31")
    open_tracker(run_folder).mirror(trial)
    run = runs_of(run_folder)[trial.trial]
    assert run.info.status == "FAILED"
    assert "loss became NaN at step 31" in run.data.tags["mlflow.note.content"]


def test_stopped_trial_becomes_a_killed_run_with_its_rungs_by_step_and_without_a_selection(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 0.0}, status=Status.STOPPED, rungs=[(10, 41.0), (30, 47.0)])
    open_tracker(run_folder).mirror(trial)
    run = runs_of(run_folder)[trial.trial]
    assert (run.info.status, run.data.tags["stopped_at_rung"], run.data.tags["status"]) == ("KILLED", "1", "stopped")
    assert "stopped early" in run.data.tags["mlflow.note.content"] and "30 of 80 steps" in run.data.tags["mlflow.note.content"]
    history = client_of(run_folder).get_metric_history(run.info.run_id, "rung/score")
    assert [(point.step, point.value) for point in history] == [(10, 41.0), (30, 47.0)]
    assert "selection/score" not in run.data.metrics
    finished = record("mnli", {"xnli": 70.0}, number=1, rungs=[(10, 50.0)])
    open_tracker(run_folder).mirror(finished)
    run = runs_of(run_folder)[finished.trial]
    assert run.info.status == "FINISHED" and "stopped_at_rung" not in run.data.tags
    assert run.data.metrics["selection/score"] == 70.0 and run.data.metrics["rung/score"] == 50.0


def test_weights_in_a_store_that_sweeps_share_are_linked(run_folder: Path, tmp_path: Path) -> None:
    trial, shared = record("mnli", {"xnli": 71.0}), tmp_path / "shared"
    mark = json.loads((run_folder / "sweep.json").read_text())
    (run_folder / "sweep.json").write_text(json.dumps({**mark, "store": str(shared)}))
    phase_files(run_folder, trial)
    (run_folder / "phases").rename(shared)
    open_tracker(run_folder).mirror(trial)
    (model,) = models_of(run_folder)
    assert model.tags["sweep.weights"].startswith(shared.as_uri())


def test_mirroring_twice_changes_nothing(run_folder: Path) -> None:
    trials = [record("mnli", {"xnli": 71.0}), record("none", {"xnli": 70.0}, status=Status.FAILED)]
    phase_files(run_folder, trials[0])
    for trial in trials:
        write_record(run_folder, trial)
    first = sync(run_folder)
    before = contents(run_folder)
    assert [len(part) for part in (first.mirrored, first.already, first.failed)] == [2, 0, 0]
    assert not open_tracker(run_folder).mirror(trials[0])
    again = sync(run_folder)
    assert [len(part) for part in (again.mirrored, again.already, again.failed)] == [0, 2, 0]
    assert contents(run_folder) == before
    assert len(models_of(run_folder)) == 1


def test_changed_record_replaces_its_run(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 71.0}, status=Status.FAILED)
    tracker = open_tracker(run_folder)
    tracker.mirror(trial)
    assert tracker.mirror(record("mnli", {"xnli": 71.0}))
    assert runs_of(run_folder)[trial.trial].info.status == "FINISHED"


@pytest.mark.parametrize("call", ["create_logged_model", "finalize_logged_model", "log_batch", "log_outputs", "set_tag"])
def test_mirror_interrupted_at_any_call_is_completed_without_duplicates(
    run_folder: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = record("mnli", {"xnli": 71.0})
    phase_files(run_folder, trial)
    tracker = open_tracker(run_folder)
    tracker._open()
    with monkeypatch.context() as patch:
        patch.setattr(tracker._client, call, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            tracker.mirror(trial)
    assert open_tracker(run_folder).mirror(trial)
    run = runs_of(run_folder)[trial.trial]
    history = client_of(run_folder).get_metric_history(run.info.run_id, "phase/target/loss")
    assert [(point.step, point.value) for point in history] == list(trial.phases[-1].curve)
    (model,) = models_of(run_folder)
    assert (str(model.status), model.source_run_id) == ("READY", run.info.run_id)


def test_final_weights_become_a_model_with_files_and_metrics(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 71.0})
    folder = phase_files(run_folder, trial)
    open_tracker(run_folder).mirror(trial)
    (model,) = models_of(run_folder)
    files = {item.path for item in client_of(run_folder).list_logged_model_artifacts(model.model_id)}
    assert files == {"model.safetensors", "config.json", "MANIFEST.json"}
    assert model.tags["sweep.weights"] == folder.as_uri() and model.tags["sweep.phase"] == trial.phases[-1].key
    assert {metric.key: metric.value for metric in model.metrics}["xnli/mean"] == 71.0
    assert "phase/target/loss" not in {metric.key for metric in model.metrics}
    (output,) = runs_of(run_folder)[trial.trial].outputs.model_outputs
    assert output.model_id == model.model_id


def test_large_weights_are_linked_and_not_copied(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 71.0})
    folder = phase_files(run_folder, trial, size=2_000_000)
    open_tracker(run_folder, copy_models_below_mb=1.0).mirror(trial)
    (model,) = models_of(run_folder)
    assert client_of(run_folder).list_logged_model_artifacts(model.model_id) == []
    assert model.tags["sweep.weights"] == folder.as_uri()


def test_trial_without_weights_on_this_machine_has_no_model(run_folder: Path) -> None:
    open_tracker(run_folder).mirror(record("mnli", {"xnli": 71.0}))
    assert models_of(run_folder) == []


def test_many_metrics_and_strange_names_are_all_logged(run_folder: Path) -> None:
    languages = {f"l{index}[%]|'{index}": {"score": 1.0, "f1": 2.0} for index in range(600)}
    trial = replace(record("mn'li", {"xnli": 71.0}, phases=[phase(Role.TARGET, "xnli")]), hyperparameters={"a[b]|c%": 1.0})
    trial = replace(trial, results=(replace(trial.results[0], languages=languages),))
    tracker = open_tracker(run_folder)
    assert tracker.mirror(trial) and not tracker.mirror(trial)
    run = runs_of(run_folder)[trial.trial]
    assert sum(name.startswith("xnli/score/") for name in run.data.metrics) == 600
    assert run.data.params["a_b__c_"] == "1"


def test_finished_sweep_ends_with_its_last_trial(run_folder: Path) -> None:
    early, late = record("none", {"xnli": 70.0}), replace(record("mnli", {"xnli": 71.0}), started="2026-03-01T13:00:00+00:00")
    tracker = open_tracker(run_folder)
    for trial in (early, late):
        tracker.mirror(trial)
    assert runs_of(run_folder)["all-7c41d2"].info.status == "RUNNING"
    tracker.finish()
    parent = runs_of(run_folder)["all-7c41d2"].info
    assert (parent.status, parent.start_time, parent.end_time) == ("FINISHED", 1772366400000, 1772370033500)


def test_two_sweeps_of_one_grid_share_an_experiment_and_keep_their_trials_apart(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sweep.json").write_text(json.dumps({"schema": 1, "sweep": "all-000000", "grid": "all"}))
    trial = record("mnli", {"xnli": 71.0})
    uri = default_uri(run_folder)
    assert open_tracker(run_folder, uri).mirror(trial) and open_tracker(other, uri).mirror(trial)
    client = client_of(run_folder)
    runs = client.search_runs([client.get_experiment_by_name("sweep all").experiment_id])
    named = ["mnli → xnli #0 s1 (xlmr)"] * 2 + ["all-7c41d2", "all-000000"]
    assert sorted(run.info.run_name for run in runs) == sorted(named)


def test_trial_whose_parent_was_deleted_gets_a_new_one(run_folder: Path) -> None:
    trial = record("mnli", {"xnli": 71.0})
    open_tracker(run_folder).mirror(trial)
    client_of(run_folder).delete_run(runs_of(run_folder)["all-7c41d2"].info.run_id)
    write_record(run_folder, trial)
    assert sync(run_folder).mirrored == (trial.trial,)
    runs = runs_of(run_folder)
    assert runs[trial.trial].data.tags["mlflow.parentRunId"] == runs["all-7c41d2"].info.run_id


def test_deleted_experiment_is_a_fault_with_a_remedy(run_folder: Path) -> None:
    client = client_of(run_folder)
    client.delete_experiment(client.create_experiment("sweep all"))
    with pytest.raises(UserError, match="the MLflow experiment was deleted"):
        open_tracker(run_folder).mirror(record("mnli", {"xnli": 71.0}))


def test_damaged_database_is_a_fault_and_not_a_traceback(run_folder: Path) -> None:
    (run_folder / "mlflow.db").write_bytes(b"not a database" * 100)
    with pytest.raises(TrackingError, match="sweep sync"):
        open_tracker(run_folder).mirror(record("mnli", {"xnli": 71.0}))


def test_damaged_record_is_named_and_the_others_are_mirrored(run_folder: Path) -> None:
    kept, lost = record("mnli", {"xnli": 71.0}), record("none", {"xnli": 70.0})
    for each in (kept, lost):
        write_record(run_folder, each)
    path = record_path(run_folder, lost.trial)
    path.write_bytes(path.read_bytes()[:100])
    found = sync(run_folder)
    assert found.mirrored == (kept.trial,) and not found.failed and not found.page
    assert len(found.damaged) == 1 and lost.trial in found.damaged[0]
    assert path.exists(), "to look changes nothing"


def test_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a run folder.*sweep\.json"):
        Tracker("sqlite://", "e", "s", tmp_path)


def test_mirroring_is_quiet_and_writes_only_into_the_run_folder(
    run_folder: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (run_folder / "mlflow.db").unlink()
    write_record(run_folder, record("mnli", {"xnli": 71.0}))
    assert not sync(run_folder).failed
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
