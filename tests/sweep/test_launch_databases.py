"""A real sweep whose databases fail under it: the search's is locked by another process, MLflow's is removed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import optuna
import pytest

from tests.sweep.conftest import Reference
from tests.sweep.launches import begin, eventually, frozen, run_to_end, scores, tables, weights

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]


def test_sweep_whose_databases_fail_ends_as_an_undisturbed_one(reference: Reference, cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    launch = begin(cache, tmp_path / "log", "launch", "--grid", "tiny", "--run", run)

    def ended() -> int:
        return len(list(run.glob("records/*.json")))

    eventually(lambda: ended() >= 1 and (run / "mlflow.db").exists(), "the first record")
    with contextlib.closing(sqlite3.connect(run / "optuna.db", timeout=60, isolation_level=None)) as other:
        with frozen(launch, run):  # so that trials end after this
            other.execute("begin exclusive")
            (run / "mlflow.db").unlink()
        eventually(lambda: "search's database" in launch.said or ended() == 6, "the lock to be noticed")
        other.execute("rollback")
    assert launch.wait() == 0, launch.said
    eventually(lambda: not launch.family(), "the end of Ray's processes")
    assert "Traceback" not in launch.said and launch.said.count("MLflow lacks some trials") == 1
    assert (weights(run), scores(run), tables(run)) == (weights(reference.run), scores(reference.run), tables(reference.run))
    assert _settings(run) == _settings(reference.run)
    code, said = run_to_end(cache, tmp_path / "sync", "sync", "--run", run)
    assert code == 0 and "6 trials mirrored" in said, said


def _settings(run: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the search's database says of every study, whatever the sweep is called."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{run / 'optuna.db'}")
    found = {}
    for study in optuna.get_all_study_summaries(storage):
        trials = optuna.load_study(study_name=study.study_name, storage=storage).get_trials()
        found[study.study_name.partition("/")[2]] = [(trial.params, trial.state, trial.values) for trial in trials]
    return found
