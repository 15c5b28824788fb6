"""The simulator: time, machines, curves, what is kept of lost work, replays, and what the verb shows."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import deque
from dataclasses import replace
from statistics import fmean

import pytest
from click.testing import CliRunner

from search_spaces.reading import load_grid
from search_spaces.schema import Grid
from sweep.cli import main
from sweep.simulate.arms import Arm, Scenario, Simulated, simulate, simulated
from sweep.simulate.clock import Clock
from sweep.simulate.cluster import HOUR, Cluster, Happening
from sweep.simulate.curves import Measured, PowerLaw, between, curves_of, tables
from sweep.simulate.engine import Engine
from sweep.simulate.work import Piece, Work
from tests.sweep.plans import plan_of, study_of

CALM = Scenario(preempt=0.0, fail=0.0, joins=0.0, rate=20.0)
ROUGH = Scenario(preempt=2.0, fail=2.0, joins=100.0, rate=20.0, checkpoint=60.0)


class Listed:
    """A source of work that is a list."""

    def __init__(self, *works: Work) -> None:
        self.left, self.done = deque(works), list[str]()

    @property
    def finished(self) -> bool:
        return not self.left

    def next(self) -> Work | None:
        return self.left.popleft() if self.left else None

    def committed(self, key: str) -> None:
        self.done.append(key)

    def ended(self, work: Work) -> None:
        self.done.append(work.name)

    def busy(self, work: Work) -> bool:
        return False


def _work(name: str, *pieces: tuple[str, float]) -> Work:
    return Work(name, name, tuple(Piece(key, key, seconds, seconds) for key, seconds in pieces))


class Scripted(Cluster):
    """Machines to which exactly this happens."""

    def __init__(self, *happenings: tuple[float, Happening], gpus: int = 1) -> None:
        super().__init__(gpus=gpus)
        object.__setattr__(self, "script", happenings)

    def happenings(self, worker: int):
        return iter([(0.0, Happening.JOINS), *self.script]) if worker == 0 else iter([(0.0, Happening.JOINS)])


def test_events_happen_in_order_of_time_and_then_of_making_unless_cancelled() -> None:
    clock, seen = Clock(), list[str]()
    clock.after(2.0, lambda: seen.append("late"))
    clock.after(1.0, lambda: seen.append("first"))
    gone = clock.after(1.0, lambda: seen.append("cancelled"))
    clock.after(1.0, lambda: seen.append("second"))
    clock.cancel(gone)
    while clock.step():
        pass
    assert (seen, clock.now) == (["first", "second", "late"], 2.0)


def test_happenings_of_a_worker_follow_from_seed_and_number_alone() -> None:
    small, large = Cluster(gpus=1, seed=3, preempt=1.0, fail=2.0), Cluster(gpus=512, seed=3, preempt=1.0, fail=2.0)
    first, same = (list(itertools.islice(cluster.happenings(0), 200)) for cluster in (small, large))
    assert first == same != list(itertools.islice(large.happenings(1), 200))
    times = [time for time, _ in first]
    assert times == sorted(times)


def test_preemptions_and_failures_come_at_their_rates() -> None:
    found = list(itertools.islice(Cluster(gpus=1, seed=1, preempt=2.0, fail=4.0, replaced=0.0).happenings(0), 6000))
    hours = found[-1][0] / HOUR
    counted = {kind: sum(what is kind for _, what in found) / hours for kind in (Happening.LEAVES, Happening.FAILS)}
    assert counted[Happening.LEAVES] == pytest.approx(2.0, rel=0.1)
    assert counted[Happening.FAILS] == pytest.approx(4.0, rel=0.1)


def test_lost_leg_goes_on_from_its_last_checkpoint() -> None:
    cluster = Scripted((10.0 + 250.0, Happening.FAILS))
    engine = Engine(cluster, Listed(_work("a", ("phase", 1000.0))), start=10.0, checkpoint=100.0)
    # 250 s in, 200 s are kept; the second start costs 10 s, and 800 s are left.
    assert engine.run() == pytest.approx(10.0 + 250.0 + 10.0 + 800.0)
    assert engine.account.lost["phase", "phase"] == pytest.approx(50.0)
    assert engine.account.training == pytest.approx(1000.0)


def test_notice_of_preemption_saves_what_was_trained_until_then() -> None:
    cluster = Scripted((260.0, Happening.NOTICE), (300.0, Happening.LEAVES), (400.0, Happening.JOINS))
    engine = Engine(cluster, Listed(_work("a", ("phase", 1000.0))), start=10.0, checkpoint=600.0)
    assert engine.run() == pytest.approx(400.0 + 10.0 + 1000.0 - 250.0)
    assert engine.account.lost["phase", "phase"] == pytest.approx(40.0)
    assert engine.available == pytest.approx(engine.clock.now - 100.0)


def test_stored_piece_is_not_trained_again_and_one_in_training_is_waited_for() -> None:
    works = (_work("a", ("shared", 100.0), ("a", 10.0)), _work("b", ("shared", 100.0), ("b", 10.0)))
    source = Listed(*works)
    engine = Engine(Scripted(gpus=2), source, start=0.0)
    assert engine.run() == pytest.approx(110.0)
    assert sum(engine.account.trained.values()) == pytest.approx(120.0)
    assert engine.account.waiting == pytest.approx(100.0)
    assert sorted(source.done) == ["a", "a", "b", "b", "shared"]


def test_one_who_waits_takes_over_when_the_trainer_is_lost() -> None:
    works = (_work("a", ("shared", 100.0)), _work("b", ("shared", 100.0)))
    engine = Engine(Scripted((40.0, Happening.FAILS), gpus=2), Listed(*works), start=0.0, checkpoint=30.0)
    assert engine.run() == pytest.approx(40.0 + 70.0)
    assert sum(engine.account.trained.values()) == pytest.approx(110.0)


def test_sweep_that_nothing_moves_any_more_is_an_error() -> None:
    class Stuck(Listed):
        finished = False

    with pytest.raises(RuntimeError, match="stands still"):
        Engine(Scripted(), Stuck()).run()


def test_points_between_measured_shares_are_linear() -> None:
    places, values = (0.25, 0.5, 1.0), (10.0, 20.0, 40.0)
    assert [between(places, values, at) for at in (0.0, 0.125, 0.25, 0.75, 1.0)] == [0.0, 5.0, 10.0, 30.0, 40.0]


def test_measured_tables_are_whole() -> None:
    for table in tables():
        shapes = {(len(cell), len(run)) for cells in table.scores.values() for cell in cells.values() for run in cell}
        assert len(shapes) == 1
        assert {rate: sorted(cells) for rate, cells in table.scores.items()} == {rate: [2, 4] for rate in table.rates}
        assert all(
            0 <= score <= 100 for cells in table.scores.values() for cell in cells.values() for run in cell for score in run
        )


@pytest.mark.parametrize("kind", ["measured", "power"])
def test_scores_follow_from_the_seed_and_scatter_about_what_a_setting_is_worth(kind: str) -> None:
    plan = plan_of()
    study, setting = study_of(plan, "mini.mini_nli.mini_udpos"), {"target.lr": 4e-4, "target.epochs": 2.0}
    curves, again = curves_of(plan, kind, 5), curves_of(plan, kind, 5)
    scores = [curves.score(study, setting, seed, 1.0) for seed in range(400)]
    assert scores == [again.score(study, setting, seed, 1.0) for seed in range(400)]
    assert len(set(scores)) > 10
    assert fmean(scores) == pytest.approx(curves.expected(study, setting), abs=1.5)
    assert curves.expected(study, setting, 0.05) < curves.expected(study, setting, 1.0)
    assert scores[0] != curves_of(plan, kind, 6).score(study, setting, 0, 1.0)


def test_curves_are_of_the_kind_that_is_asked_for() -> None:
    plan = plan_of()
    assert isinstance(curves_of(plan, "power", 0), PowerLaw)
    assert isinstance(curves_of(plan, "measured", 0), Measured)


@pytest.fixture(scope="module")
def tiny() -> Grid:
    return load_grid("tiny")


@pytest.fixture(scope="module")
def rough(tiny: Grid) -> list[Simulated]:
    return list(simulated(tiny, (1, 4), ROUGH))


def test_same_seed_replays_a_run_exactly_and_another_does_not(tiny: Grid, rough: list[Simulated]) -> None:
    again = list(simulated(tiny, (1, 4), ROUGH))
    assert [run.figures for run in rough] == [run.figures for run in again]
    other = simulate(tiny, Arm.TREE, 4, replace(ROUGH, seed=1))
    assert other.figures.makespan not in [run.figures.makespan for run in rough]


def test_settings_do_not_depend_on_the_size_of_the_cluster_or_its_faults(tiny: Grid, rough: list[Simulated]) -> None:
    calm = simulate(tiny, Arm.TREE, 2, CALM)
    found = [run.settings for run in rough if run.figures.arm == Arm.TREE]
    assert found == [calm.settings, calm.settings]


def test_every_arm_runs_every_trial_and_shares_of_time_add_up(rough: list[Simulated]) -> None:
    assert [run.figures.trials for run in rough if run.figures.arm != Arm.STOPPING] == [6] * 6
    for run in rough:
        figures = run.figures
        assert figures.useful + figures.held + figures.wasted + figures.idle == pytest.approx(1.0)
        assert figures.wrong == ()


def test_search_never_waits_with_a_gpu_and_shares_what_the_plain_queue_trains_again(rough: list[Simulated]) -> None:
    by_arm = {run.figures.arm: run.figures for run in rough if run.figures.gpus == 4}
    assert by_arm[Arm.TREE].held == by_arm[Arm.STOPPING].held == 0.0
    assert by_arm[Arm.SHARED].held > 0.0
    assert by_arm[Arm.TREE].tokens < 0.6 * by_arm[Arm.QUEUE].tokens
    assert by_arm[Arm.STOPPING].tokens < by_arm[Arm.TREE].tokens


def test_one_gpu_without_faults_is_never_idle(tiny: Grid) -> None:
    figures = simulate(tiny, Arm.TREE, 1, CALM).figures
    assert figures.idle == pytest.approx(0.0, abs=1e-9)
    assert figures.makespan == pytest.approx(figures.gpu_seconds)


def test_verb_gives_figures_as_json_and_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    words = ["simulate", "--grid", "tiny", "--gpus", "1,2", "--rate", "2000", "--deaths", "3", "--loses", "3"]
    shown = CliRunner().invoke(main, [*words, "--json"])
    assert shown.exit_code == 0, shown.output
    said = json.loads(shown.output)
    assert [(run["figures"]["gpus"], run["figures"]["arm"]) for run in said["runs"]] == [
        (gpus, arm) for gpus in (1, 2) for arm in ("queue", "shared", "tree", "stopping")
    ]
    assert said["scenario"]["deaths"] == 3
    table = CliRunner().invoke(main, words)
    assert table.exit_code == 0
    assert "x fewer tokens" in table.output
    assert "Controller, tree" in table.output


def test_gpus_that_are_no_numbers_are_a_fault_of_the_user() -> None:
    shown = CliRunner().invoke(main, ["simulate", "--grid", "tiny", "--gpus", "1,many"])
    assert shown.exit_code == 2
    assert "1,many" in shown.output


def test_simulator_needs_no_ray() -> None:
    program = "import sys, sweep.simulate.arms, sweep.simulate.table; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
