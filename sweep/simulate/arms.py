"""One simulated sweep from grid to figures, for each way of scheduling, on the same cluster with the same faults."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from search_spaces.schema import Grid, Stopping
from sweep.planning.nominal import nominal_plan
from sweep.planning.plan import Plan, Setting
from sweep.planning.sizes import sizes_of
from sweep.simulate.cluster import Cluster
from sweep.simulate.curves import curves_of
from sweep.simulate.engine import Engine, SimulatedStore
from sweep.simulate.pace import TokenPace
from sweep.simulate.queues import QueueSource
from sweep.simulate.search import ControllerTime, SearchSource


class Arm(StrEnum):
    """The ways of scheduling."""

    QUEUE = "queue"
    SHARED = "shared"
    TREE = "tree"
    STOPPING = "stopping"


MEANINGS = {
    Arm.QUEUE: "a plain Tune queue: whole chains, first come first served",
    Arm.SHARED: "the same queue, its phases taken from one store",
    Arm.TREE: "the sweep's search over the tree, without early stopping",
    Arm.STOPPING: "the sweep's search with early stopping",
}
SettingsOf = Mapping[str, Sequence[Setting]]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is simulated besides the grid: the seed of everything, the curves, speed, and faults (see `Cluster`).

    `rate` is training tokens a second and GPU; in seconds, `start` is a leg's start, `checkpoint` the time between checkpoints.
    """

    seed: int = 0
    curves: str = "measured"
    rate: float = 150_000.0
    start: float = 10.0
    checkpoint: float = 600.0
    preempt: float = 0.05
    notice: float = 120.0
    replaced: float = 300.0
    fail: float = 0.01
    joins: float = 300.0

    def cluster(self, gpus: int) -> Cluster:
        """The machines."""
        return Cluster(
            gpus=gpus,
            seed=self.seed,
            joins=self.joins,
            preempt=self.preempt,
            notice=self.notice,
            replaced=self.replaced,
            fail=self.fail,
        )


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a simulated sweep took, in seconds of virtual time and in tokens; the same for the same grid, scenario and arm.

    `tokens` are those trained on, what was lost included. `useful` (training that was kept, and evaluation), `held` (waiting
    with a GPU in hand), `wasted` (starts, and work that was lost) and `idle` are shares of the GPU time that there was. `best`
    is the mean over studies of the best English dev score of the first seed; None for queues, which look at no score.
    """

    arm: str
    gpus: int
    trials: int
    legs: int
    resumed: int
    makespan: float
    gpu_seconds: float
    tokens: float
    useful: float
    held: float
    wasted: float
    idle: float
    ends: Mapping[str, int] = field(default_factory=dict)
    best: float | None = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the controller and the simulator took here: real seconds, and bytes by which the process grew."""

    controller: Mapping[str, float]
    memory: int
    wall: float


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One arm: its figures, what it cost here, and the settings that were tried."""

    figures: Figures
    cost: Cost
    settings: SettingsOf


def simulated(grid: Grid, gpus: Iterable[int], scenario: Scenario) -> Iterator[Simulated]:
    """Every arm on every size of cluster; the queues get the settings that the search tried without early stopping."""
    for count in gpus:
        tree = simulate(grid, Arm.TREE, count, scenario)
        for arm in (Arm.QUEUE, Arm.SHARED):
            yield simulate(grid, arm, count, scenario, tree.settings)
        yield tree
        yield simulate(grid, Arm.STOPPING, count, scenario)


def simulate(grid: Grid, arm: Arm, gpus: int, scenario: Scenario, settings: SettingsOf | None = None) -> Simulated:
    """Simulate one sweep; its records are really written, to a temporary folder. A queue needs the `settings` that it runs."""
    with tempfile.TemporaryDirectory(dir=_memory_disk()) as folder:
        return _simulate(grid, arm, gpus, scenario, settings or {}, Path(folder) / "run")


def _simulate(grid: Grid, arm: Arm, gpus: int, scenario: Scenario, settings: SettingsOf, run: Path) -> Simulated:
    begun, resident, controller = time.perf_counter(), _resident(), ControllerTime()
    with controller.of("plan"):
        plan = _planned(grid, arm, run)
        pace, store = TokenPace(plan, sizes_of(plan, missing=plan.digests), scenario.rate), SimulatedStore()
    source: QueueSource | SearchSource
    if arm in (Arm.QUEUE, Arm.SHARED):
        source = QueueSource(plan, pace, settings, arm is Arm.SHARED)
    else:
        curves = curves_of(plan, scenario.curves, scenario.seed)
        source = SearchSource(plan, curves, pace, store, scenario.seed, controller=controller)
    engine = Engine(scenario.cluster(gpus), source, scenario.start, scenario.checkpoint, store=store)
    figures = _figures(arm, engine, engine.run(), scenario)
    if isinstance(source, SearchSource):
        ends = {str(status): count for status, count in sorted(source.ends.items()) if count}
        figures, settings = replace(figures, trials=sum(ends.values()), ends=ends, best=source.best()), source.settings()
    took = {what: round(seconds, 4) for what, seconds in sorted(controller.seconds.items())}
    cost = Cost(controller=took, memory=_resident() - resident, wall=time.perf_counter() - begun)
    return Simulated(figures=figures, cost=cost, settings=settings)


def _planned(grid: Grid, arm: Arm, run: Path) -> Plan:
    """The nominal plan of an arm: with early stopping (that of the schema where the grid has none), or without."""
    stopping = (grid.search.stopping or Stopping()) if arm is Arm.STOPPING else None
    return nominal_plan(grid.model_copy(update={"search": grid.search.model_copy(update={"stopping": stopping})}), run)


def _figures(arm: Arm, engine: Engine, makespan: float, scenario: Scenario) -> Figures:
    account, there = engine.account, max(engine.available, 1e-9)
    useful, wasted = account.training + account.evaluating, account.wasted + account.starting
    return Figures(
        arm=str(arm),
        gpus=engine.cluster.gpus,
        trials=account.legs - account.resumed,
        legs=account.legs,
        resumed=account.resumed,
        makespan=makespan,
        gpu_seconds=useful + wasted + account.waiting,
        tokens=sum(account.trained.values()) * scenario.rate,
        useful=useful / there,
        held=account.waiting / there,
        wasted=wasted / there,
        idle=max(0.0, 1.0 - (useful + wasted + account.waiting) / there),
    )


def _resident() -> int:
    """Bytes of memory that this process holds now, where the system says so; else the most that it held."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _memory_disk() -> Path | None:
    """A folder in memory, where there is one: thousands of records are flushed to it and removed in no time."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else None
