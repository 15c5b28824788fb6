"""What the executors are made of, without Ray: the mailbox, the cache of actors, and what a leg leaves behind."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray.tune.execution.tune_controller as tune_controller

import sweep.trial
from sweep.executors.keeping import PatientCache, kept_actors
from sweep.executors.mailbox import Mailbox
from sweep.trial import Clock, give_up_record, run_leg
from tests.sweep.plans import SMALL, plan_of, study_of
from tests.sweep.runs import traces
from training.chain import ChainJob, ChainOutcome
from training.errors import DivergedError, PhaseBusyError, StorageFullError
from training.record import RungScore, Selection, Status, TrialRecord, paused_path, read_record, record_path

Call = Callable[[Mailbox], Coroutine[Any, Any, None]]
LEG = {"trial": "t", "leg": "t.r0"}


def talk(call: Call, max_failures: int = 1) -> Mailbox:
    """Run a conversation with a mailbox that has the session `s`."""
    mail = Mailbox()

    async def whole() -> None:
        await mail.open("s", "run-1", max_failures)
        await call(mail)

    asyncio.run(whole())
    return mail


def test_leg_that_is_posted_reaches_a_waiting_worker_and_its_answer_the_driver() -> None:
    async def call(mail: Mailbox) -> None:
        taking = asyncio.create_task(mail.take("s", "group", 1, 5))
        await asyncio.sleep(0)
        assert await mail.post("s", LEG)
        assert await taking == LEG
        collecting = asyncio.create_task(mail.collect("s", 5))
        await mail.answer("s", {"score": 1.0})
        assert await collecting == {"score": 1.0}

    talk(call)


def test_worker_that_comes_again_takes_the_same_leg() -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LEG)
        assert await mail.take("s", "one", 1, 1) == LEG
        await mail.lost("s", "killed", False)
        assert await mail.take("s", "two", 2, 1) == LEG
        assert await mail.collect("s", 0) is None
        assert mail.boxes["s"].groups == {"one", "two"}

    talk(call)


def test_leg_is_given_up_after_too_many_losses_but_never_for_preemptions() -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LEG)
        for _ in range(20):
            await mail.lost("s", "drained", True)
        await mail.lost("s", "killed", False)
        assert await mail.collect("s", 0) is None
        await mail.lost("s", "killed again", False)
        assert await mail.collect("s", 0) == {"given_up": "its worker was lost 2 times, at last: killed again"}
        assert await mail.post("s", LEG) and mail.boxes["s"].losses == 0

    talk(call)


def test_answer_that_comes_after_the_leg_was_given_up_is_ignored() -> None:
    async def call(mail: Mailbox) -> None:
        await mail.post("s", LEG)
        await mail.lost("s", "killed", False)
        await mail.answer("s", {"score": 1.0})
        found = await mail.collect("s", 0)
        assert found is not None and "given_up" in found

    talk(call, max_failures=0)


def test_idle_session_closes_and_takes_no_further_leg() -> None:
    async def call(mail: Mailbox) -> None:
        assert await mail.take("s", "group", 1, 0.01) is None
        assert not await mail.post("s", LEG)

    talk(call)


def test_closed_session_sends_its_waiting_worker_home() -> None:
    async def call(mail: Mailbox) -> None:
        taking = asyncio.create_task(mail.take("s", "group", 1, 5))
        await asyncio.sleep(0)
        await mail.close("s")
        assert await taking is None

    talk(call)


def test_session_of_a_silent_driver_is_an_orphan_until_it_has_ended() -> None:
    async def call(mail: Mailbox) -> None:
        await mail.take("s", "group", 1, 0)
        assert await mail.orphans(60) == {}
        assert await mail.orphans(0) == {"s": ("run-1", ["group"], [])}
        await mail.end("s")
        assert await mail.orphans(0) == {}

    talk(call)


def test_session_that_broke_is_an_orphan_at_once_and_takes_no_leg() -> None:
    async def call(mail: Mailbox) -> None:
        await mail.governed("s", ["controller"])
        await mail.broke("s")
        assert await mail.orphans(60) == {"s": ("run-1", [], ["controller"])}
        assert not await mail.post("s", LEG)
        await mail.end("s")
        assert await mail.orphans(0) == {} and mail.boxes["s"].controller == []
        await mail.governed("s", ["late"])
        assert mail.boxes["s"].controller == []

    talk(call)


def test_mailbox_forgets_old_sessions() -> None:
    async def call(mail: Mailbox) -> None:
        for number in range(300):
            await mail.open(f"s{number}", "run", 1)
            await mail.end(f"s{number}")
        assert len(mail.boxes) <= 201 and "s299" in mail.boxes

    talk(call)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[ChainJob]]:
    """Stand in for the training: chains end as told, one after the other; gives the jobs that were run."""

    def stage(*ends: ChainOutcome | Exception) -> list[ChainJob]:
        jobs: list[ChainJob] = []
        script = list(ends)

        def run(job: ChainJob, watcher: object, urgent: object = None, team: object = None) -> ChainOutcome:
            jobs.append(job)
            end = script.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

        monkeypatch.setattr(sweep.trial, "run_chain", run)
        return jobs

    return stage


def outcome(score: float, rung: bool = False, seconds: float = 2.0) -> ChainOutcome:
    chosen = Selection(task="t", split="dev", language="en", metric="score", score=score)
    found = RungScore(rung=0, step=5, steps=20, score=score) if rung else None
    timing = {"phases": seconds, "evaluation": 1.0, "first_step": 0.5}
    return ChainOutcome(phases=(), selection=chosen, results=(), timing=timing, rung=found)


def config_of(run: Path, **changes: Any) -> tuple[Any, dict[str, Any]]:
    plan = plan_of(SMALL, run)
    spec = study_of(plan, "mini.none.mini_udpos")
    setting = {"target.lr": 1e-4, "target.epochs": 1.0}
    config = {"trial": "trial", "leg": "leg", "study": spec.label, "number": 0, "seed": 1, "setting": setting}
    return plan, {**config, "rung": None, "until": 1.0, "asked": time.time(), **changes}


def test_leg_to_a_rung_leaves_a_paused_trial_and_no_record(chain: Callable[..., list[ChainJob]], tmp_path: Path) -> None:
    jobs = chain(outcome(30.0, rung=True))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    assert run_leg(plan, config) == {"trial": "trial", "leg": "leg", "score": 30.0, "failed": False, "rung": 0}
    assert (jobs[0].until, jobs[0].wait) == (0.25, False)
    paused = read_record(paused_path(tmp_path, "trial"))
    assert paused.status is Status.PAUSED and [rung.score for rung in paused.rungs] == [30.0]
    assert not record_path(tmp_path, "trial").exists()


def test_process_that_comes_to_its_rung_when_the_trial_has_ended_leaves_none_waiting(
    chain: Callable[..., list[ChainJob]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that outlives its launch for a while, when the next launch runs the same leg."""
    chain(outcome(30.0, rung=True), outcome(50.0))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    write = sweep.trial.write_paused

    def late(folder: Path, record: TrialRecord) -> None:
        run_leg(*config_of(tmp_path))
        write(folder, record)

    monkeypatch.setattr(sweep.trial, "write_paused", late)
    assert run_leg(plan, config) == {"trial": "trial", "leg": "leg", "score": 50.0, "failed": False}
    assert not paused_path(tmp_path, "trial").exists()
    assert read_record(record_path(tmp_path, "trial")).status is Status.FINISHED


def test_legs_of_a_trial_add_up_to_one_record(chain: Callable[..., list[ChainJob]], tmp_path: Path) -> None:
    chain(outcome(30.0, rung=True), outcome(40.0, rung=True), outcome(50.0))
    for number, until in enumerate((0.25, 0.5)):
        plan, config = config_of(tmp_path, rung=number, until=until)
        run_leg(plan, config)
    plan, config = config_of(tmp_path)
    assert run_leg(plan, config)["score"] == 50.0
    record = read_record(record_path(tmp_path, "trial"))
    assert record.status is Status.FINISHED
    assert [(rung.rung, rung.score) for rung in record.rungs] == [(0, 30.0), (1, 40.0)]
    assert record.timing["phases"] == 6.0 and record.timing["evaluation"] == 3.0
    assert record.timing["to_first_step"] == pytest.approx(0.5 + record.timing["start"], abs=0.002)
    assert not paused_path(tmp_path, "trial").exists()


def test_phase_that_an_earlier_leg_trained_counts_as_trained_by_the_trial(
    chain: Callable[..., list[ChainJob]], tmp_path: Path
) -> None:
    plan, config = config_of(tmp_path)
    study = study_of(plan, "mini.none.mini_udpos")
    first, last = traces(plan.chain(study, config["setting"], 1), trained=[0, 1])
    reused = replace(first, outcome="reused")
    chain(replace(outcome(30.0, rung=True), phases=(first,)), replace(outcome(50.0), phases=(reused, last)))
    run_leg(plan, {**config, "rung": 0, "until": 0.25})
    run_leg(plan, config)
    found = read_record(record_path(tmp_path, "trial")).phases
    assert [(phase.key, phase.outcome) for phase in found] == [(first.key, "trained"), (last.key, "trained")]


def test_rung_that_was_reached_before_is_reported_and_not_run_again(
    chain: Callable[..., list[ChainJob]], tmp_path: Path
) -> None:
    jobs = chain(outcome(30.0, rung=True))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    first = run_leg(plan, config)
    assert run_leg(plan, config) == first and len(jobs) == 1


def test_damaged_paused_trial_is_set_aside_and_its_rung_measured_again(
    chain: Callable[..., list[ChainJob]], tmp_path: Path
) -> None:
    chain(outcome(30.0, rung=True), outcome(30.0, rung=True))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    run_leg(plan, config)
    path = paused_path(tmp_path, "trial")
    path.write_bytes(path.read_bytes()[:50])
    assert run_leg(plan, config)["score"] == 30.0
    assert path.with_suffix(".damaged").is_file() and read_record(path).rungs[0].score == 30.0


def test_leg_whose_phase_was_in_the_store_ends_the_trial_early(chain: Callable[..., list[ChainJob]], tmp_path: Path) -> None:
    chain(outcome(50.0))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    assert "rung" not in run_leg(plan, config)
    assert read_record(record_path(tmp_path, "trial")).status is Status.FINISHED


def test_leg_that_meets_a_phase_in_other_hands_names_it_and_leaves_nothing(
    chain: Callable[..., list[ChainJob]], tmp_path: Path
) -> None:
    chain(PhaseBusyError("busy", "0123abcd"))
    plan, config = config_of(tmp_path)
    assert run_leg(plan, config)["busy"] == "0123abcd"
    assert not list(tmp_path.rglob("*.json"))


def test_diverged_leg_ends_its_trial_with_the_reason_and_keeps_its_rungs(
    chain: Callable[..., list[ChainJob]], tmp_path: Path
) -> None:
    chain(outcome(30.0, rung=True), DivergedError("the loss is not finite", "nan"))
    plan, config = config_of(tmp_path, rung=0, until=0.25)
    run_leg(plan, config)
    plan, config = config_of(tmp_path)
    assert run_leg(plan, config)["failed"]
    record = read_record(record_path(tmp_path, "trial"))
    assert record.status is Status.FAILED and "not finite" in record.reason and len(record.rungs) == 1


def test_fault_that_all_trials_share_is_fatal(chain: Callable[..., list[ChainJob]], tmp_path: Path) -> None:
    chain(StorageFullError("no space left"))
    plan, config = config_of(tmp_path)
    assert "no space left" in run_leg(plan, config)["fatal"]


def test_given_up_trial_has_a_failed_record_with_the_reason(tmp_path: Path) -> None:
    plan, config = config_of(tmp_path)
    give_up_record(plan, config, "its worker was lost 4 times")
    record = read_record(record_path(tmp_path, "trial"))
    assert (record.status, record.reason) == (Status.FAILED, "given up: its worker was lost 4 times")


def test_trial_that_has_its_record_is_not_given_up(chain: Callable[..., list[ChainJob]], tmp_path: Path) -> None:
    chain(outcome(50.0))
    plan, config = config_of(tmp_path)
    run_leg(plan, config)
    assert give_up_record(plan, config, "late").status is Status.FINISHED


@pytest.mark.parametrize("jump", [-3600.0, 400 * 86400.0])
def test_clock_that_jumps_while_a_leg_waits_spoils_no_duration(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    asked = time.time()
    monkeypatch.setattr(time, "time", lambda: asked + jump)
    clock = Clock(asked)
    assert 0.0 <= clock.waited <= clock.seconds() < 60.0


def test_driver_and_mailbox_processes_import_no_torch() -> None:
    code = "import sys, sweep.executors.driver; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_idle_actors_are_kept_for_a_while_and_ended_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    cache = PatientCache(patience=60)
    actors = [object() for _ in range(3)]
    assert all(cache.cache_object("one cpu", actor) for actor in actors)
    assert list(cache.flush_cached_objects()) == [] and cache.num_cached_objects == 3
    assert cache.pop_cached_object("one cpu") is actors[0]
    now[0] += 30
    cache.cache_object("one cpu", actors[0])
    now[0] += 31
    assert list(cache.flush_cached_objects()) == actors[1:]
    assert list(cache.flush_cached_objects(force_all=True)) == actors[:1] and cache.num_cached_objects == 0


def test_tune_makes_its_cache_of_actors_where_it_is_replaced() -> None:
    with kept_actors():
        assert tune_controller._ObjectCache is PatientCache
    assert tune_controller._ObjectCache is not PatientCache
    assert "_actor_cache = _ObjectCache(" in inspect.getsource(tune_controller.TuneController.__init__)


def test_actor_that_waits_is_ended_at_once_where_it_stands_in_the_way_of_another_kind() -> None:
    """Trials with other shares of a GPU ask for other resources: what an idle actor holds is what they wait for."""
    cache = PatientCache(patience=1000.0)
    cache.cache_object("quarter", "idle quarter")
    cache.cache_object("half", "idle half")
    assert list(cache.flush_cached_objects()) == []
    cache.increase_max("quarter")
    assert list(cache.flush_cached_objects()) == [], "there is one of its kind"
    cache.increase_max("whole")
    assert list(cache.flush_cached_objects()) == ["idle half"], "the other is about to be used"
    cache.decrease_max("quarter")
    assert list(cache.flush_cached_objects()) == ["idle quarter"]
    assert cache.num_cached_objects == 0
