"""`sweep launch` as a user meets it: finishes, goes on, amends, and answers every fault without harm to what is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from search_spaces.catalogue import grids
from sweep.cli import main
from sweep.sources import mini_world
from tests.sweep.conftest import Reference
from tests.sweep.launches import begin, copy_run, end_session, eventually, leftovers, run_to_end, scores, tables, weights
from training.evidence import read_evidence
from training.record import Status, read_records
from training.stores.store import _write_manifest, verify

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def sweep(cache: Path, tmp_path: Path) -> Run:
    """Run a `sweep` command to its end; gives its exit code and what it said."""

    def run(*words: object, **environment: str) -> tuple[int, str]:
        return run_to_end(Path(environment.pop("SWEEP_CACHE", cache)), tmp_path / "log", *words, **environment)

    return run


def _grid(folder: Path, *changes: tuple[str, str]) -> Path:
    """A changed copy of `tiny`."""
    text = grids()["tiny"].read_text("utf-8")
    for was, becomes in changes:
        assert was in text
        text = text.replace(was, becomes)
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


def _phase(run: Path, begins: str) -> Path:
    (folder,) = (run / "phases").glob(f"{begins}*--*")
    return folder


def _forget(run: Path, begins: str) -> list[str]:
    """Delete records; returns their trials."""
    found = sorted((run / "records").glob(f"{begins}*.json"))
    for path in found:
        path.unlink()
    return [path.stem for path in found]


def _poison(folder: Path) -> None:
    """Make a phase's weights NaN, with a manifest that says so."""
    file = folder / "model.safetensors"
    save_file({name: torch.full_like(value, float("nan")) for name, value in load_file(str(file)).items()}, str(file))
    (folder / "MANIFEST.json").unlink()
    _write_manifest(folder)


def _stamps(run: Path) -> dict[str, int]:
    paths = [*run.glob("records/*.json"), *run.glob("phases/*--*/*")]
    return {str(path.relative_to(run)): path.stat().st_mtime_ns for path in paths}


def test_uninterrupted_launch_leaves_records_phases_and_a_table(reference: Reference) -> None:
    assert reference.code == 0, reference.said
    records = read_records(reference.run)
    assert len(records) == 6
    assert {record.status for record in records} == {Status.FINISHED}
    assert len(weights(reference.run)) == 6
    for folder in (reference.run / "phases").glob("*--*"):
        verify(folder)
    assert leftovers(reference.run) == []
    assert "6 of 6 trials have a record" in reference.said
    (table,) = json.loads(tables(reference.run)[1])
    assert table["model"] == "mini"
    assert "mini_tatoeba" in tables(reference.run)[0]


def test_launch_keeps_what_intervals_are_made_of(reference: Reference) -> None:
    records = read_records(reference.run)
    for record in records:
        evidence = read_evidence(reference.run, record)
        assert [one.task for one in evidence] == [result.task for result in record.results]
    found = CliRunner().invoke(main, ["table", "--run", str(reference.run), "--intervals", "--json"])
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)["pairs"]
    assert [(row["intermediate"], row["target"]) for row in rows] == [("mini_nli", "mini_udpos"), ("mini_nli", "mini_tatoeba")]
    (table,) = json.loads(tables(reference.run)[1])
    for row in rows:
        assert row["covers"] == "items alone" and row["items"] > 0 and row["low"] < row["delta"] < row["high"]
        assert row["delta"] == pytest.approx(table["cells"]["mini_nli"][row["target"]]["delta"], abs=1e-5)


def test_status_from_another_process_shows_the_trials_that_run(reference: Reference) -> None:
    running = [trial for status in reference.statuses for trial in status["running"]]
    assert reference.statuses[0]["state"] == "running"
    assert any("mini_mlm" in trial["phase"] for trial in running)
    assert any(trial["steps"] > 0 and trial["loss"] > 0 for trial in running)
    assert {trial["trial"] for trial in running} <= {record.trial for record in read_records(reference.run)}
    assert [status["done"] for status in reference.statuses] == sorted(status["done"] for status in reference.statuses)


def test_second_launch_into_a_folder_in_use_is_refused(reference: Reference) -> None:
    code, said = reference.second
    assert code == 2, said
    assert "another launch is using the run folder" in said
    assert "process " in said
    assert "Traceback" not in said


def test_launch_of_what_is_finished_runs_nothing(reference: Reference, sweep: Run) -> None:
    before, table = _stamps(reference.run), tables(reference.run)
    code, said = sweep("launch", "--grid", "tiny", "--run", reference.run)
    assert code == 0, said
    assert "nothing to run" in said
    assert _stamps(reference.run) == before
    assert tables(reference.run) == table


def test_damaged_phase_and_record_are_reported_and_made_again(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    run = copy_run(reference.run, tmp_path / "run")
    _forget(run, "mini.mini_nli.mini_tatoeba")
    file = _phase(run, "mini_nli") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    record = next((run / "records").glob("mini.none.mini_udpos-001*"))
    record.write_bytes(record.read_bytes()[:-20])
    code, said = sweep("launch", "--grid", "tiny", "--run", run)
    assert code == 0, said
    assert "damaged, set aside and trained again: mini_nli" in said
    assert "a damaged record was set aside" in said
    assert len(list((run / "phases" / "damaged").iterdir())) == 1
    assert (weights(run), scores(run), tables(run)) == (
        weights(reference.run),
        scores(reference.run),
        tables(reference.run),
    )


@pytest.mark.slow
def test_grid_with_more_trials_is_amended_while_mlflow_is_down(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    run = copy_run(reference.run, tmp_path / "run")
    before = _stamps(run)
    grid = _grid(tmp_path, ("trials: 2", "trials: 3"))
    code, said = sweep("launch", "--grid", grid, "--run", run, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert code == 0, said
    assert "8 of 8 trials have a record" in said
    after = _stamps(run)
    assert {name: after[name] for name in before} == before
    added = {record.trial[: record.trial.index("-s1")] for record in read_records(run)} - {
        record.trial[: record.trial.index("-s1")] for record in read_records(reference.run)
    }
    assert added == {"mini.none.mini_udpos-002", "mini.mini_nli.mini_udpos-002"}
    assert said.count("MLflow lacks some trials") == 1
    assert "Traceback" not in said
    code, said = sweep("sync", "--run", run)
    assert code == 0, said
    assert "8 trials mirrored" in said


@pytest.mark.slow
def test_diverging_phase_fails_its_trials_and_the_others_go_on(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    run = copy_run(reference.run, tmp_path / "run")
    lost = _forget(run, "mini.mini_nli.mini_udpos")
    others = _forget(run, "mini.none.mini_udpos-001")
    for folder in (run / "phases").glob("mini_udpos*"):
        shutil.rmtree(folder)
    poisoned = _phase(run, "mini_nli")
    _poison(poisoned)
    code, said = sweep("launch", "--grid", "tiny", "--run", run)
    assert code == 1, said
    assert "6 of 6 trials have a record, 2 of them failed" in said
    assert "Traceback" not in said
    records = {record.trial: record for record in read_records(run)}
    assert {name for name, record in records.items() if record.status is Status.FAILED} == set(lost)
    assert all("is not finite at step" in records[name].reason for name in lost)
    assert all(scores(run)[name] == scores(reference.run)[name] for name in others)
    before = _stamps(run)
    code, said = sweep("launch", "--grid", "tiny", "--run", run)
    assert (code, "nothing to run" in said) == (1, True)
    assert _stamps(run) == before


@pytest.mark.parametrize("when", ["at once", "while Ray starts"])
def test_launch_interrupted_before_its_first_trial_can_be_repeated(cache: Path, tmp_path: Path, when: str) -> None:
    run = tmp_path / "run"
    launch = begin(cache, tmp_path / "log", "launch", "--grid", "tiny", "--run", run)
    ready = (run / "sweep.json").is_file if when == "at once" else launch.family
    eventually(lambda: ready() or launch.process.poll() is not None, when)
    launch.interrupt()
    assert launch.wait() == 130, launch.said
    assert "Traceback" not in launch.said
    eventually(lambda: not launch.family(), "the end of an interrupted launch's processes")


def test_faults_in_the_data_are_all_told_and_nothing_is_trained(
    reference: Reference, cache: Path, sweep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    monkeypatch.setenv("SWEEP_CACHE", str(own))
    world = mini_world()
    with (world / "udpos" / "train-en.tsv").open("a") as stream:
        stream.write("word\tNO-SUCH-TAG\n\n")
    (world / "udpos" / "test-qaa.tsv").write_bytes(b"\xff\xfe\n")
    (world / "udpos" / "dev-en.tsv").unlink()
    code, said = sweep("launch", "--grid", "tiny", "--run", tmp_path / "run", SWEEP_CACHE=str(own))
    assert code == 2, said
    for word in ("NO-SUCH-TAG", "train-en.tsv", "test-qaa.tsv", "dev-en.tsv"):
        assert word in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_resources_that_no_machine_has_are_refused_at_once(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    grid = _grid(tmp_path, ("resources: {", "resources: {cpu: 4096, "))
    code, said = sweep("launch", "--grid", grid, "--run", tmp_path / "run")
    assert code == 2, said
    assert "a trial needs 4096 CPU" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "run").glob("records/*"))


def test_folder_of_something_else_is_refused_untouched(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    code, said = sweep("launch", "--grid", "tiny", "--run", tmp_path)
    assert code == 2, said
    assert "no sweep made" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "thesis.tex"]


@pytest.mark.slow
def test_both_executors_train_the_same_weights(reference: Reference, sweep: Run, tmp_path: Path) -> None:
    code, said = sweep("launch", "--grid", "tiny", "--run", tmp_path / "run", "--executor", "train")
    assert code == 0, said
    assert weights(tmp_path / "run") == weights(reference.run)
    assert scores(tmp_path / "run") == scores(reference.run)
    assert tables(tmp_path / "run") == tables(reference.run)


@pytest.mark.slow
def test_killed_launch_of_the_train_executor_leaves_no_process_and_goes_on(
    reference: Reference, cache: Path, sweep: Run, tmp_path: Path
) -> None:
    words = ("launch", "--grid", "tiny", "--run", tmp_path / "run", "--executor", "train")
    launch = begin(cache, tmp_path / "killed", *words)
    try:
        eventually(lambda: list(tmp_path.glob("run/phases/*--*")) or launch.process.poll() is not None, "the first phase")
        launch.process.kill()
        launch.process.wait()
        eventually(lambda: not launch.workers(), "the end of a killed launch's workers", 60)
    finally:
        end_session(launch)
    code, said = sweep(*words)
    assert code == 0, said
    assert tables(tmp_path / "run") == tables(reference.run)
    assert leftovers(tmp_path / "run") == []
