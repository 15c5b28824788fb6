"""Two workers that Ray Train starts train a trial together: the record is that of one, and a lost worker is replaced."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import ray

from search_spaces.reading import read_grid
from sweep.executors.choice import TRAIN, trial_resources
from sweep.executors.cleaning import open_groups
from sweep.planning.plan import Plan, executor_of
from sweep.trial import run_leg
from tests.sweep.executing import GRID, Meddler, leg, local_ray, plan_of_legs, ray_workers, standing, tune
from tests.sweep.launches import eventually
from training.errors import UserError
from training.record import Status, TrialRecord, read_records
from training.tasks.registry import ROWS

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]


@pytest.fixture
def grid(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The grid of legs on a model without dropout, whose draws another number of workers changes."""
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    for name in ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "RAY_USAGE_STATS_ENABLED", "RAY_AIR_NEW_OUTPUT"):
        monkeypatch.setenv(name, "1" if name.startswith("TUNE") else "0")
    folder = shutil.copytree(plan_of_legs(tmp_path / "any").models["mini"].folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"classifier_dropout": 0.0}))
    return GRID.replace("mini_world", str(folder))


def with_team(grid: str) -> str:
    return grid.replace("resources: {", "resources: {workers: 2, ")


def only_record(plan: Plan) -> TrialRecord:
    (record,) = read_records(plan.run)
    return record


def scores(record: TrialRecord) -> dict[str, float]:
    return {name: found["score"] for result in record.results for name, found in result.languages.items()}


def assistant() -> int:
    """The process of a worker that trains and does not lead; 0 where no leg is under way."""
    leaders = {int(box["pid"]) for box in standing().values() if box["taken"] and not box["ended"]}
    workers = [pid for pid, name in ray_workers().items() if "RayTrainWorker" in name and pid not in leaders]
    return workers[0] if leaders and workers else 0


@pytest.mark.slow
def test_trial_with_two_workers_has_the_record_of_one_though_one_of_them_is_killed(grid: str, tmp_path: Path) -> None:
    """A worker is killed in the first leg; nothing disturbs the second, which goes on from its rung."""
    alone, plan = plan_of_legs(tmp_path / "alone", grid=grid), plan_of_legs(tmp_path / "run", grid=with_team(grid))
    run_leg(alone, leg(alone, 0))
    with local_ray():
        with Meddler(assistant, lambda pid: os.kill(pid, signal.SIGKILL)) as meddler:
            search = tune(plan, TRAIN, [leg(plan, 0, rung=0, until=0.5), leg(plan, 0)])
        assert meddler.done == 1 and not search.failed
        assert open_groups() == {}
        eventually(lambda: ray.available_resources().get("CPU") == 2.0, "all resources", 60)  # what Ray says lags behind
    assert [(report.get("rung"), report["failed"]) for report in search.reports] == [(0, False), (None, False)]
    assert len(list((plan.run / "train").glob("session-*"))) == 1
    found, expected = only_record(plan), only_record(alone)
    assert found.status is Status.FINISHED
    assert scores(found) == pytest.approx(scores(expected), abs=0.5)
    for one, other in zip(found.phases, expected.phases, strict=True):
        assert (one.key, one.steps, one.tokens) == (other.key, other.steps, other.tokens)
        assert [loss for _, loss in one.curve] == pytest.approx([loss for _, loss in other.curve], rel=1e-3)


def test_several_workers_are_for_the_train_executor_alone(grid: str, tmp_path: Path) -> None:
    plan = plan_of_legs(tmp_path / "run", grid=with_team(grid))
    assert executor_of(plan) == TRAIN
    resources = plan.grid.resources.model_copy(update={"executor": "inline"})
    other = replace(plan, grid=plan.grid.model_copy(update={"resources": resources}))
    with pytest.raises(UserError, match="several workers a trial need the executor train"):
        executor_of(other)


@pytest.mark.parametrize("said", ["executor: inline", "device: cuda, gpu: 0.5", "device: cuda, gpu: 2"])
def test_several_workers_that_can_t_be_are_refused_with_the_grid(said: str) -> None:
    with pytest.raises(UserError, match="workers"):
        read_grid(with_team(GRID).replace("MAX_FAILURES", f"1, {said}"), "legs.yaml", ROWS)


@pytest.mark.parametrize("gpu", ["", ", gpu: 1", ", gpu: auto"])
def test_each_of_several_workers_holds_a_gpu_and_the_trial_all_of_them(grid: str, tmp_path: Path, gpu: str) -> None:
    plan = plan_of_legs(tmp_path / "run", grid=with_team(grid).replace("MAX_FAILURES", f"1, cpu: 4, device: cuda{gpu}"))
    (study,) = plan.studies
    assert plan.gpus_of(study) == 2.0 and trial_resources(plan, study) == {"CPU": 4.0, "GPU": 1.0}
    runtime = plan.runtime_of(study)
    assert (runtime.workers, runtime.share, runtime.threads) == (2, 1.0, 4)
