"""The train executor on a real Ray: sessions serve many legs, lose workers and drivers, and end with nothing left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import get_or_create_autoscaling_coordinator
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from sweep.elastic.preemption import draining_nodes, this_node
from sweep.executors.choice import TRAIN
from sweep.executors.cleaning import cancel_request, end_controller, groups_made_by, open_groups, remove_group
from sweep.executors.session import Governor, LeanTrainer, SessionLostError, mailbox
from sweep.launching.leftovers import remove_leftovers
from sweep.planning.plan import Plan
from tests.sweep.executing import Meddler, leg, local_ray, plan_of_legs, ray_workers, requests, standing, tune
from tests.sweep.launches import eventually, weights
from training.record import Status, TrialRecord, read_records

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1800)]
TRIAL_DRIVER = "ray::ResourceTrainable"
"""What Ray calls the process of a trainable whose resources depend on the trial."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all of these tests: what one leaves, the next would see."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "RAY_USAGE_STATS_ENABLED"):
            patch.setenv(name, "1" if name.startswith("TUNE") else "0")
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        with local_ray():
            yield


@pytest.fixture
def plan(cluster: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    return plan_of_legs(tmp_path / "run")


def only_record(plan: Plan) -> TrialRecord:
    (record,) = read_records(plan.run)
    return record


def _everything_is_free() -> bool:
    free = ray.available_resources()
    return free.get("CPU") == 2.0 and free.get("trial_driver") == 100.0


def nothing_is_left(plan: Plan) -> None:
    """No placement group, no actor, no request for nodes, no process, and no half-written file once a launch has tidied."""
    assert open_groups() == {}
    eventually(lambda: not ray_workers(), f"the end of Ray's workers: {ray_workers()}", 60)
    remove_leftovers(plan.run, plan.store)  # a launch tidies once it has left Ray; what a living process writes is not left
    assert not requests()
    assert not [actor for actor in ray.util.list_named_actors() if "sweep" in actor]
    assert not [path for path in plan.run.rglob("*") if path.suffix == ".tmp" or path.name.startswith(".writing-")]
    eventually(_everything_is_free, "all resources", 30)  # what Ray says of them lags behind


def no_trial_is_shown_as_running(plan: Plan) -> None:
    assert not list((plan.run / "live").glob("*"))


def training_worker() -> int:
    """The process of a session's worker whose leg has left a checkpoint; 0 where there is none."""
    return next((int(box["pid"]) for box in standing().values() if box["taken"] and not box["ended"]), 0)


def test_one_session_serves_legs_one_after_the_other(plan: Plan) -> None:
    search = tune(plan, TRAIN, [leg(plan, 0, rung=0, until=0.5), leg(plan, 0), leg(plan, 1)])
    assert [(report.get("rung"), report["failed"]) for report in search.reports] == [(0, False), (None, False), (None, False)]
    first, second = read_records(plan.run)
    assert (first.status, second.status) == (Status.FINISHED, Status.FINISHED)
    assert first.rungs[0].score == search.reports[0]["score"]
    assert second.timing["start"] < first.timing["start"], "the first leg alone waits for Ray Train"
    assert len(list((plan.run / "train").glob("session-*"))) == 1
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_worker_that_is_killed_is_replaced_and_its_leg_goes_on(plan: Plan, tmp_path: Path) -> None:
    alone = plan_of_legs(tmp_path / "alone")
    tune(alone, TRAIN, [leg(alone, 0)])
    with Meddler(training_worker, lambda pid: os.kill(pid, signal.SIGKILL)) as meddler:
        search = tune(plan, TRAIN, [leg(plan, 0), leg(plan, 1)])
    assert meddler.done == 1 and not search.failed
    assert [record.status for record in read_records(plan.run)] == [Status.FINISHED] * 2
    kept = weights(plan.run)
    assert {name: kept[name] for name in weights(alone.run)} == weights(alone.run)
    assert len(list((plan.run / "train").glob("session-*"))) == 1
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_leg_whose_worker_is_lost_too_often_is_given_up_by_name_and_the_next_one_runs(plan: Plan) -> None:
    with Meddler(training_worker, lambda pid: os.kill(pid, signal.SIGKILL), times=2) as meddler:
        search = tune(plan, TRAIN, [leg(plan, 0), leg(plan, 1)])
    assert meddler.done == 2
    assert [report["failed"] for report in search.reports] == [True, False]
    lost, other = read_records(plan.run)
    assert lost.status is Status.FAILED and lost.reason.startswith("given up: its worker was lost 2 times, at last: ")
    assert other.status is Status.FINISHED
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_driver_that_is_killed_leaves_no_group_and_no_request_and_its_leg_goes_on(plan: Plan) -> None:
    def driver() -> int:
        return training_worker() and next((pid for pid, name in ray_workers().items() if name.startswith(TRIAL_DRIVER)), 0)

    with Meddler(driver, lambda pid: os.kill(pid, signal.SIGKILL)) as meddler:
        search = tune(plan, TRAIN, [leg(plan, 0, epochs=12)])
    assert meddler.done == 1 and not search.failed
    assert only_record(plan).status is Status.FINISHED
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_bug_in_a_leg_fails_its_trial_and_the_session_serves_on(plan: Plan) -> None:
    search = tune(plan, TRAIN, [leg(plan, 0) | {"setting": {}}, leg(plan, 1)])
    assert len(search.failed) == 1 and only_record(plan).number == 1
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_session_without_work_gives_its_resources_back(plan: Plan) -> None:
    """Its driver lives on: Tune keeps the actor while the search has nothing to run."""
    freed: list[int] = []

    class Slow(ray.tune.Callback):
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            if not freed:
                eventually(lambda: ray.available_resources().get("CPU") == 2.0, "the idle session's end", 60)
                freed.append(len(standing()))

    search = tune(plan, TRAIN, [leg(plan, 0), leg(plan, 1)], [Slow()], idle=1.0)
    assert freed == [1] and len(search.reports) == 2
    assert len(list((plan.run / "train").glob("session-*"))) == 2
    nothing_is_left(plan)
    no_trial_is_shown_as_running(plan)


@pytest.mark.slow
def test_sweep_stopped_while_it_trains_leaves_its_checkpoint_and_nothing_else(plan: Plan) -> None:
    class AtOnce(ray.tune.Stopper):
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return bool(training_worker())

    long = leg(plan, 0, epochs=200)
    tune(plan, TRAIN, [long], stop=AtOnce())
    assert not read_records(plan.run)
    assert list((plan.run / "phases" / ".inflight").glob("*.safetensors"))
    nothing_is_left(plan)


def test_request_of_a_dead_run_is_cancelled_at_the_autoscaler_and_no_other(cluster: None) -> None:
    """Ray's own coordinator, whose interface is private: this test says when another version of Ray has changed it."""
    coordinator = get_or_create_autoscaling_coordinator()
    for name in ("dead", "alive"):
        call = coordinator.request_resources.remote(requester_id=f"train-{name}", resources=[{"CPU": 1}], expire_after_s=180)
        ray.get(call, timeout=30)
    cancel_request("dead")
    cancel_request("never was")
    assert requests() == ["train-alive"]
    cancel_request("alive")


def test_group_of_a_dead_run_is_removed_by_its_name(cluster: None) -> None:
    one, other = (ray.util.placement_group([{"CPU": 0.5}]) for _ in range(2))
    ray.get([one.ready(), other.ready()], timeout=60)
    remove_group(one.id.hex())
    remove_group(one.id.hex())
    eventually(lambda: list(open_groups()) == [other.id.hex()], "the end of the group", 30)
    ray.util.remove_placement_group(other)


def test_group_that_a_controller_made_unseen_is_found_once_it_is_dead(cluster: None) -> None:
    """Who makes a group is in a private table."""

    @ray.remote(num_cpus=0)
    class Maker:
        def make(self) -> str:
            group = ray.util.placement_group([{"CPU": 0.5}])
            ray.get(group.ready())
            return group.id.hex()

    one, other = Maker.remote(), Maker.remote()
    mine, theirs = ray.get([one.make.remote(), other.make.remote()], timeout=60)
    end_controller(one)
    with pytest.raises(ray.exceptions.ActorDiedError):
        ray.get(one.make.remote(), timeout=30)
    assert groups_made_by({one._actor_id.hex()}) == [mine]
    assert sorted(groups_made_by({actor._actor_id.hex() for actor in (one, other)})) == sorted([mine, theirs])
    for group in (mine, theirs):
        remove_group(group)
    eventually(lambda: not open_groups(), "the end of the groups", 30)
    assert groups_made_by({one._actor_id.hex()}) == []


def answers(mail: Any) -> bool:
    try:
        ray.get(mail.stands.remote("s"), timeout=5)
    except ray.exceptions.RayError:
        return False
    return True


def test_controller_of_a_session_that_has_ended_starts_no_workers(cluster: None) -> None:
    mail = mailbox()
    governor = Governor(mail, "s")
    ray.get(mail.open.remote("s", "run", 1))
    governor.before_worker_group_start(None)
    ray.get(mail.end.remote("s"))
    with pytest.raises(SessionLostError, match="has ended"):
        governor.before_worker_group_start(None)
    ray.kill(mail)
    eventually(lambda: not answers(mail), "the end of the mailbox", 30)  # Ray kills in its own time
    with pytest.raises(ray.exceptions.RayError):
        governor.before_worker_group_start(None)


def test_ray_train_still_has_the_parts_that_a_session_leaves_out(cluster: None) -> None:
    """Both bring a process of their own a trial; the interface is private."""
    whole = DataParallelTrainer(lambda: None, run_config=ray.train.RunConfig())
    lean = LeanTrainer(lambda: None, run_config=ray.train.RunConfig())
    kinds = [{type(callback).__name__ for callback in trainer._create_default_callbacks()} for trainer in (whole, lean)]
    assert kinds[0] - kinds[1] == {"DatasetsCallback", "PlacementGroupCleanerCallback"}


def test_cluster_without_a_drain_gives_no_notice(cluster: None) -> None:
    assert draining_nodes() == {}
    assert this_node() in {node["NodeID"] for node in ray.nodes()}
