"""A real sweep on a head's services, while each of them fails under it; then on a new head that has a backup alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweep.services.place import OPTUNA, VARIABLE, Settings
from sweep.services.probes import ask_mlflow
from tests.services.heads import Head
from tests.sweep.conftest import Reference, cache, reference
from tests.sweep.launches import begin, eventually, run_to_end, scores, tables, weights
from tests.training.bucket import NAME, Server, server

__all__ = ["cache", "reference", "server"]
pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(1800)]
Heads = Callable[[str | Path], Head]


@pytest.fixture
def store(server: Server) -> Iterator[Server]:
    """The object store, with an empty bucket."""
    server.client().create_bucket(Bucket=NAME)
    yield server


def test_sweep_whose_services_fail_one_after_the_other_ends_as_an_undisturbed_one_and_on_a_new_head(
    heads: Heads,
    store: Server,
    reference: Reference,
    cache: Path,
    tmp_path: Path,
) -> None:
    head, run = heads(f"s3://{NAME}/services/one"), tmp_path / "run"
    head.quick()
    head.start()
    launch = begin(cache, tmp_path / "log", "launch", "--grid", "tiny", "--run", run, **_on(head))

    def ended() -> int:
        return len(list(run.glob("records/*.json")))

    eventually(lambda: ended() >= 1 or launch.process.poll() is not None, "the first record")
    first = head.pid("postgres")
    os.kill(first, signal.SIGKILL)
    store.stop()
    eventually(lambda: head.pid("postgres") not in (0, first), "another PostgreSQL")
    eventually(lambda: ended() >= 2 or launch.process.poll() is not None, "another record")
    second = head.pid("mlflow")
    os.killpg(second, signal.SIGSTOP)  # up, and answers nothing: supervisord sees no fault
    eventually(lambda: head.pid("mlflow") not in (0, second), "another MLflow")
    store.start()
    assert launch.wait() == 0, launch.said
    eventually(lambda: not launch.family(), "the end of Ray's processes")
    assert "Traceback" not in launch.said
    assert (weights(run), scores(run), tables(run)) == (weights(reference.run), scores(reference.run), tables(reference.run))
    eventually(lambda: ask_mlflow(Settings(store=head.store, port=head.port)).good, "MLflow to answer")
    code, said = run_to_end(cache, tmp_path / "sync", "sync", "--run", run, **_on(head))
    assert code == 0 and f"http://127.0.0.1:{head.port}" in said, said
    mirrored = _mirrored(f"http://127.0.0.1:{head.port}")
    assert mirrored == _mirrored(f"sqlite:///{reference.run / 'mlflow.db'}") and len(mirrored) == 6
    assert _settings(head.place.url(OPTUNA)) == _settings(f"sqlite:///{reference.run / 'optuna.db'}")
    assert not (run / "mlflow.db").exists() and not (run / "optuna.db").exists()
    assert any("/artifacts/" in name for name in store.names())
    assert head.run("backup").returncode == 0
    head.kill()

    new = heads(head.store)
    assert "those of backup" in new.start()
    code, said = run_to_end(cache, tmp_path / "again", "launch", "--grid", "tiny", "--run", run, **_on(new))
    assert code == 0 and "nothing to run" in said and "of the databases is in s3://" in said, said
    assert _mirrored(f"http://127.0.0.1:{new.port}") == mirrored
    assert _settings(new.place.url(OPTUNA)) == _settings(f"sqlite:///{reference.run / 'optuna.db'}")
    assert new.status()["good"]


def _on(head: Head) -> dict[str, str]:
    return {VARIABLE: str(head.place.folder)}


def _mirrored(uri: str) -> dict[str, tuple[Any, ...]]:
    """What MLflow shows of each trial, without times and who trained what."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    found = {}
    for run in client.search_runs(experiments, max_results=1000):
        trial = run.data.tags.get("sweep.trial")
        if trial:
            metrics = {name: value for name, value in run.data.metrics.items() if not name.endswith(("/seconds", "/trained"))}
            assert trial not in found
            found[trial] = (run.info.status, run.data.params, metrics)
    return found


def _settings(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """What the search's database says of every study, whatever the sweep is called."""
    storage = optuna.storages.RDBStorage(url)
    found = {}
    for study in optuna.get_all_study_summaries(storage):
        trials = optuna.load_study(study_name=study.study_name, storage=storage).get_trials()
        found[study.study_name.partition("/")[2]] = [(trial.params, trial.state, trial.values) for trial in trials]
    storage.remove_session()
    storage.engine.dispose()
    return found
