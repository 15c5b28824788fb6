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
from statistics import fmean

from search_spaces.schema import Grid, Stopping
from sweep.planning.nominal import nominal_plan
from sweep.planning.plan import Plan
from sweep.planning.sizes import sizes_of
from sweep.planning.studies import Setting
from sweep.simulate.clock import Clock
from sweep.simulate.cluster import Cluster
from sweep.simulate.curves import curves_of
from sweep.simulate.engine import Engine, SimulatedStore
from sweep.simulate.pace import TokenPace
from sweep.simulate.queues import QueueSource
from sweep.simulate.search import ControllerTime, SearchSource
from sweep.simulate.trouble import Trouble, audit


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
    """What is simulated besides the grid: the seeds of faults and of curves, the kind of curves, speed, and faults (`Cluster`).

    `rate` is training tokens a second and GPU; in seconds, `start` is a leg's start, `checkpoint` the time between checkpoints.
    `deaths`, `loses` and `between` are what `Trouble` says, `diverge` is the share of trials that fail: the search alone meets
    them, and no queue.
    """

    seed: int = 0
    curve_seed: int = 0
    curves: str = "measured"
    rate: float = 150_000.0
    start: float = 10.0
    checkpoint: float = 600.0
    preempt: float = 0.05
    notice: float = 120.0
    replaced: float = 300.0
    fail: float = 0.01
    joins: float = 300.0
    deaths: float = 0.0
    loses: float = 0.0
    between: float = 0.0
    diverge: float = 0.0

    @property
    def troubled(self) -> bool:
        """Whether more can happen than what happens to machines."""
        return bool(self.deaths or self.loses or self.between)

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
    is the mean over studies of the best English dev score of the first seed, and `worth` that of the chosen settings' scores
    without noise; None for queues, which look at no score.
    `wrong` is what an audit found: anything that was not done exactly once.
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
    worth: float | None = None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What was taken here: processor seconds of the controller, bytes by which the process grew, real seconds in all."""

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
        pace = TokenPace(plan, sizes_of(plan, missing=plan.digests), scenario.rate)
    if arm in (Arm.QUEUE, Arm.SHARED):
        queue = QueueSource(plan, pace, settings, arm is Arm.SHARED)
        engine = Engine(scenario.cluster(gpus), queue, scenario.start, scenario.checkpoint)
        figures = _figures(arm, engine, engine.run(), scenario)
    else:
        engine, source = searching(plan, pace, gpus, scenario, controller)
        figures, settings = _with_ends(_figures(arm, engine, engine.run(), scenario), engine, source), source.settings()
    took = {what: round(seconds, 4) for what, seconds in sorted(controller.seconds.items())}
    cost = Cost(controller=took, memory=_resident() - resident, wall=time.perf_counter() - begun)
    return Simulated(figures=figures, cost=cost, settings=settings)


def searching(
    plan: Plan, pace: TokenPace, gpus: int, scenario: Scenario, controller: ControllerTime | None = None
) -> tuple[Engine, SearchSource]:
    """A sweep by the real search that is ready to `run`, with the scenario's trouble; its records go to `plan.run`."""
    clock, store = Clock(), SimulatedStore()
    source = SearchSource(
        plan,
        curves_of(plan, scenario.curves, scenario.curve_seed),
        pace,
        store,
        scenario.curve_seed,
        diverge=scenario.diverge,
        controller=controller or ControllerTime(),
        now=lambda: clock.now,
    )
    engine = Engine(scenario.cluster(gpus), source, scenario.start, scenario.checkpoint, clock=clock, store=store)
    if scenario.troubled:
        Trouble(engine, source, scenario.seed, deaths=scenario.deaths, loses=scenario.loses, between=scenario.between)
    return engine, source


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


def _with_ends(figures: Figures, engine: Engine, source: SearchSource) -> Figures:
    """What only the search has: how trials ended, their scores, and whether everything was done once."""
    ends = {str(status): count for status, count in sorted(source.ends.items()) if count}
    worth = fmean(source.chosen().values())
    wrong = tuple(audit(engine, source))
    return replace(figures, trials=sum(ends.values()), ends=ends, best=source.best(), worth=worth, wrong=wrong)


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
