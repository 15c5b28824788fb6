"""Legs run by the real executors under a real Tune, without a search: what is to run is given as a list."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.tune
from ray.tune.search import Searcher

from search_spaces.reading import read_grid
from sweep.executors.choice import trainable
from sweep.executors.cleaning import COORDINATOR, Cleaner
from sweep.executors.keeping import kept_actors
from sweep.executors.session import MAILBOX
from sweep.launching.experiment import start_here
from sweep.options import LaunchOptions
from sweep.planning.plan import Plan, make_plan, trial_name
from sweep.sources import resolve_models, resolve_sources
from tests.sweep.launches import processes
from training.tasks.registry import ROWS

GRID = """\
name: legs
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates: [none]
targets: [mini_udpos]
data:
  mini_mlm: {caps: {train: 500, dev: 50}}
  mini_udpos: {languages: [en, qaa], caps: {train: 300, dev: 60, test: 60}}
search:
  trials: 8
  space: {target: {lr: {low: 1e-4, high: 1e-3, log: true}, epochs: [2]}}
training: {batch: 16}
resources: {checkpoint_seconds: 0.2, max_failures: MAX_FAILURES}
"""


def plan_of_legs(run: Path, max_failures: int = 1, grid: str = GRID) -> Plan:
    """A plan over the mini world, small enough that a leg takes a second or two."""
    found = read_grid(grid.replace("MAX_FAILURES", str(max_failures)), "legs.yaml", ROWS)
    return make_plan(found, resolve_models(found, {}), resolve_sources(found, LaunchOptions(grid="").data), run)


def leg(plan: Plan, number: int, *, rung: int | None = None, until: float = 1.0, epochs: int = 2) -> dict[str, Any]:
    """The configuration of a leg, as the search gives it."""
    spec = plan.studies[0]
    setting = {"target.lr": 3e-4 * (1 + number / 10), "target.epochs": epochs}
    name = trial_name(spec, number, 1, plan.chain(spec, setting, 1))
    return {
        "trial": name,
        "leg": name if rung is None else f"{name}.r{rung}",
        "rung": rung,
        "until": until,
        "study": spec.label,
        "number": number,
        "seed": 1,
        "asked": time.time(),
        "setting": setting,
    }


class Listed(Searcher):
    """Gives out legs in order, each when `ready` says so, and keeps what they reported."""

    def __init__(self, legs: Sequence[dict[str, Any]]) -> None:
        super().__init__(metric="score", mode="max")
        self.open, self.running, self.reports = list(legs), set[str](), list[dict[str, Any]]()
        self.failed: list[str] = []

    def suggest(self, trial_id: str) -> Any:
        if not self.open:
            return Searcher.FINISHED
        self.running.add(trial_id)
        return {**self.open.pop(0), "asked": time.time()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self.running.discard(trial_id)
        if error:
            self.failed.append(trial_id)
        elif result:
            self.reports.append(result)

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass


@contextlib.contextmanager
def local_ray(cpus: float = 2, **more: Any) -> Iterator[None]:
    """A Ray of our own."""
    start_here(num_cpus=cpus, resources={"trial_driver": 100}, **more)
    try:
        yield
    finally:
        ray.shutdown()


def tune(
    plan: Plan,
    executor: str,
    legs: Sequence[dict[str, Any]],
    callbacks: Sequence[Any] = (),
    *,
    at_once: int = 1,
    idle: float = 10.0,
    stop: Any = None,
) -> Listed:
    """Run legs to their end; Ray has to be up."""
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    search, cleaner = Listed(legs), Cleaner()
    tuner = ray.tune.Tuner(
        trainable(plan, executor, idle),
        tune_config=ray.tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=search,
            num_samples=-1,
            max_concurrent_trials=at_once,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.config["leg"]),
            trial_name_creator=lambda trial: str(trial.config["leg"]),
        ),
        run_config=ray.tune.RunConfig(
            name="tune",
            storage_path=str(plan.run),
            verbose=0,
            stop=stop,
            callbacks=[cleaner, *callbacks],
            failure_config=ray.tune.FailureConfig(max_failures=plan.grid.resources.max_failures),
            checkpoint_config=ray.tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    with kept_actors():
        tuner.fit()
    return search


def mail_of_launch() -> Any:
    """The mailbox of the sweep under way; raises ValueError where there is none."""
    return ray.get_actor(MAILBOX)


def standing() -> dict[str, dict[str, Any]]:
    """What the mailbox knows of every session; nothing where there is no mailbox."""
    try:
        found: dict[str, dict[str, Any]] = ray.get(mail_of_launch().standing.remote(), timeout=120)
    except (ValueError, ray.exceptions.RayError):
        return {}
    return found


def requests() -> list[str]:
    """Who asks the autoscaler for resources now."""
    try:
        coordinator = ray.get_actor(COORDINATOR, namespace=COORDINATOR)
    except ValueError:
        return []
    found: list[str] = ray.get(coordinator.__ray_call__.remote(lambda self: sorted(self._ongoing_reqs)), timeout=120)
    return found


def ray_workers() -> dict[int, str]:
    """Worker processes of the Ray of this test that do something, by process id: `ray::RayTrainWorker` and the like."""
    raylet = ray._private.worker._global_node.all_processes["raylet"][0].process.pid
    found = {}
    for pid, _, name in processes():
        with contextlib.suppress(OSError):
            parent = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == raylet and name.startswith("ray::") and not name.startswith(AT_REST):
                found[pid] = name
    return found


AT_REST = ("ray::IDLE", "ray::RuntimeEnvAgent", "ray::DashboardAgent", "ray::_AutoscalingCoordinatorActor")
"""Processes that belong to Ray itself, and not to what runs on it."""


@dataclass
class Meddler:
    """Does something once to a sweep under way, from a thread, as soon as a condition holds."""

    ready: Callable[[], Any]
    deed: Callable[[Any], None]
    times: int = 1
    done: int = 0

    def __enter__(self) -> Meddler:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        seen: set[Any] = set()
        while self.done < self.times and not self._over.wait(0.02):
            with contextlib.suppress(OSError, ValueError, ray.exceptions.RayError):
                found = self.ready()
                if found and found not in seen:
                    seen.add(found)
                    self.deed(found)
                    self.done += 1
