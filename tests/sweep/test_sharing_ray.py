"""Trials that share a GPU, on a real Ray whose GPU is a number: training is on the CPU, and everything else is as on a GPU."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import ray
from ray.util.placement_group import placement_group_table
from rich.console import Console

import sweep.launch
from sweep.executors.choice import INLINE, TRAIN
from sweep.executors.cleaning import open_groups
from sweep.options import LaunchOptions
from sweep.planning.memory import need_of
from sweep.planning.plan import Plan
from sweep.planning.sharing import MARGIN, UNKNOWN, shared_out
from sweep.trial import run_leg
from tests.sweep.executing import GRID, leg, local_ray, plan_of_legs, ray_workers, requests, tune
from tests.sweep.launches import eventually
from training.errors import UserError
from training.learning.peaks import Peaks
from training.record import Status, read_records

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]

TWO = GRID.replace("intermediates: [none]", "intermediates: [none, mini_nli]").replace("trials: 8", "trials: 2\n  at_once: 2")
TWO = TWO.replace("  mini_udpos: {", "  mini_udpos: {max_length: 32, ").replace(
    "search:\n", "  mini_nli: {caps: {train: 200, dev: 60}, max_length: 128}\nsearch:\n"
)
TWO = TWO.replace("epochs: 1}", "epochs: 1, batch: 4}")


def on_a_gpu(plan: Plan, memory: float | None = None) -> Plan:
    """The plan with its GPUs shared out, of so many bytes each; training stays on the CPU, which no grid may say."""
    resources = plan.grid.resources.model_copy(update={"gpu": "auto", "cpu": 0.25, "gpu_memory": memory and memory / (1 << 30)})
    return replace(plan, grid=plan.grid.model_copy(update={"resources": resources}))


@dataclass
class Seen:
    """The most trials that were shown as running at once, and the GPUs that placement groups held, ever."""

    at_once: int = 0
    held: set[float] = field(default_factory=set)
    sums: float = 0.0


@contextmanager
def watched(plan: Plan) -> Iterator[Seen]:
    """Look at a sweep under way from a thread."""
    seen, over = Seen(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.at_once = max(seen.at_once, len(list((plan.run / "live").glob("*.json"))))
            if ray.is_initialized():
                groups = [entry for entry in placement_group_table().values() if entry["state"] == "CREATED"]
                gpus = [bundle["GPU"] for entry in groups for bundle in entry["bundles"].values() if "GPU" in bundle]
                seen.held.update(gpus)
                seen.sums = max(seen.sums, sum(gpus))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(30)


@pytest.fixture
def in_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    shutil.rmtree(cache / "fitting", ignore_errors=True)  # what other tests have measured
    for name in ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "RAY_USAGE_STATS_ENABLED", "RAY_AIR_NEW_OUTPUT"):
        monkeypatch.setenv(name, "1" if name.startswith("TUNE") else "0")


def is_free() -> bool:
    return ray.available_resources().get("GPU") == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("executor", [TRAIN, INLINE])
def test_trials_run_beside_each_other_on_one_gpu_and_leave_it_free(executor: str, in_cache: None, tmp_path: Path) -> None:
    plan = plan_of_legs(tmp_path / "run", grid=GRID.replace("trials: 8", "trials: 8\n  at_once: 4"))
    need = need_of(plan, plan.studies[0], Peaks.read(plan.notes)).total
    with local_ray(num_gpus=1):
        plan, lines = shared_out(on_a_gpu(plan, need * MARGIN * 2.5), ray.nodes())
        assert set(plan.shares.values()) == {0.5} and "2 trials a GPU" in lines[0]
        run_leg(plan, leg(plan, 0))  # phase 0 is there: without a board, legs would meet each other at it
        with watched(plan) as seen:
            search = tune(plan, executor, [leg(plan, number, epochs=6) for number in range(1, 5)], at_once=2)
        assert not search.failed and [report["failed"] for report in search.reports] == [False] * 4
        assert (seen.at_once, seen.held, seen.sums) == (2, {0.5}, 1.0)
        assert open_groups() == {} and not requests()
        eventually(lambda: not ray_workers(), f"the end of Ray's workers: {ray_workers()}", 60)
        eventually(is_free, "the whole GPU", 30)
    assert {record.provenance["gpus"] for record in read_records(plan.run)} == {"0.5"}
    assert not list((plan.run / "live").glob("*"))


@pytest.mark.slow
def test_launch_runs_small_trials_together_and_a_large_one_alone(
    in_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair whose rows are long has a share of 1, the other of 1/2: no GPU is ever held more than once over."""
    plan = plan_of_legs(tmp_path / "run", grid=TWO)
    small, large = sorted(need_of(plan, spec, Peaks.read(tmp_path)).total for spec in plan.studies)
    assert large > 1.02 * small, (small, large)
    plan = on_a_gpu(plan, small * MARGIN * 2.02)
    monkeypatch.setattr(sweep.launch, "prepare", lambda options, read_data: plan)
    monkeypatch.setattr(sweep.launch, "load_grid", lambda name: plan.grid)
    with local_ray(num_gpus=1), watched(plan) as seen, (tmp_path / "said").open("w") as file:
        options = LaunchOptions(grid="legs", run=plan.run)
        code = sweep.launch.launch(options, Console(file=file, width=160))
    said = (tmp_path / "said").read_text()
    assert code == 0, said
    assert "1 study: 2 trials a GPU (estimated " in said and "1 study: 1 trial a GPU (estimated " in said
    assert seen.held == {0.5, 1.0} and seen.sums <= 1.0
    assert seen.at_once == 2
    records = read_records(plan.run)
    assert [record.status for record in records] == [Status.FINISHED] * 4
    held = {record.intermediate: record.provenance["gpus"] for record in records}
    assert held == {"none": "0.5", "mini_nli": "1"}


def test_gpu_that_is_too_small_is_refused_before_the_run_folder_is_made(
    in_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = on_a_gpu(plan_of_legs(tmp_path / "run"), 100 << 20)
    monkeypatch.setattr(sweep.launch, "prepare", lambda options, read_data: plan)
    monkeypatch.setattr(sweep.launch, "load_grid", lambda name: plan.grid)
    with local_ray(num_gpus=1), pytest.raises(UserError, match="need more memory than there is") as fault:
        sweep.launch.launch(LaunchOptions(grid="legs", run=plan.run))
    assert "a larger one" in fault.value.remedy
    assert not plan.run.exists()


def test_gpu_whose_memory_nobody_tells_is_not_shared(in_cache: None, tmp_path: Path) -> None:
    plan = on_a_gpu(plan_of_legs(tmp_path / "run"))
    with local_ray(num_gpus=1):
        shared, lines = shared_out(plan, ray.nodes())
    assert set(shared.shares.values()) == {1.0}
    assert lines == [f"sharing: 1 trial a GPU ({UNKNOWN})"]
