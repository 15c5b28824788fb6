"""`sweep gc` removes what no sweep of a store needs, and nothing that any of them might: not by mistake, not in a race."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from sweep.cli import main
from sweep.ending import EndState
from sweep.gc import needs as needs_module
from sweep.gc.needs import Keep
from sweep.gc.removal import BUSY, Tidied, tidy_store
from sweep.gc.users import register, store_lock, users_of
from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec
from sweep.runfolder import hold, read_mark
from tests.sweep.plans import study_of
from tests.sweep.runs import TWO_SEEDS, begun, checkpoint, ended, leave, mark_with, phase_folder, record_of, traces
from training.errors import UserError
from training.record import Status, record_path, write_paused
from training.stores.claims import claim

CLAIMANT = """
import sys, time
from pathlib import Path
from training.stores.claims import claim
with claim(Path(sys.argv[1]), sys.argv[2], poll=0.1):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def _study(plan: Plan) -> StudySpec:
    return study_of(plan, "mini.mini_nli.mini_udpos")


@pytest.fixture
def settled(tmp_path: Path) -> Plan:
    """A finished sweep: setting 1 of the pair is the best of three."""
    plan = begun(tmp_path / "run")
    study = _study(plan)
    leave(plan, *(record_of(plan, study, number, score) for number, score in enumerate((40.0, 60.0, 50.0))))
    ended(plan.run)
    return plan


def _keys(found: Tidied, kind: str = "phase") -> set[str]:
    return {item.key for item in found.going if item.kind == kind}


def _last(plan: Plan, number: int, seed: int = 1) -> str:
    return record_of(plan, _study(plan), number, 1.0, seed=seed).phases[-1].key


def _there(store: Path) -> set[str]:
    return {path.name.rpartition("--")[2] for path in store.glob("*--*")}


def test_dry_run_names_what_could_go_and_touches_nothing(settled: Plan) -> None:
    before = {path: path.stat().st_mtime_ns for path in settled.store.rglob("*")}
    found = tidy_store(settled.run)
    assert _keys(found) == {_last(settled, 0), _last(settled, 2)}
    assert not found.deleted
    assert found.frees == sum(item.frees for item in found.going) > 2000
    assert {path: path.stat().st_mtime_ns for path in settled.store.rglob("*") if ".users" not in path.parts} == before


def test_deleting_leaves_the_chain_of_the_chosen_setting(settled: Plan) -> None:
    chosen = {phase.key for phase in record_of(settled, _study(settled), 1, 60.0).phases}
    found = tidy_store(settled.run, delete=True)
    assert found.deleted and len(found.going) == 2
    assert _there(settled.store) == chosen
    assert not list(settled.store.glob(".removing-*"))
    assert tidy_store(settled.run).going == []


@pytest.mark.parametrize(("keep", "left"), [(Keep.BEST, 3), (Keep.ALL, 5), (Keep.NONE, 0)])
def test_keep_says_whose_phases_of_a_settled_sweep_stay(settled: Plan, keep: Keep, left: int) -> None:
    tidy_store(settled.run, keep=keep, delete=True)
    assert len(_there(settled.store)) == left


def test_phase_that_no_record_names_goes_from_a_settled_sweep_even_when_records_keep_theirs(settled: Plan) -> None:
    study = _study(settled)
    (orphan,) = traces(settled.chain(study, {**record_of(settled, study, 0, 1.0).hyperparameters, "target.lr": 5e-4}, 1), ())[
        -1:
    ]
    phase_folder(settled.store, orphan)
    assert _keys(tidy_store(settled.run, keep=Keep.ALL)) == {orphan.key}


@pytest.mark.parametrize("state", [EndState.STOPPED, EndState.LEFT_OUT, EndState.FAILED, None])
def test_unfinished_sweep_keeps_all_that_it_could_share(settled: Plan, state: EndState | None) -> None:
    (settled.run / "ending.json").unlink()
    if state is not None:
        ended(settled.run, state)
    study = _study(settled)
    orphan = traces(settled.chain(study, {**record_of(settled, study, 0, 1.0).hyperparameters, "target.lr": 5e-4}, 1), ())[-1]
    phase_folder(settled.store, orphan)
    kept = [checkpoint(settled.store, "f" * 32), checkpoint(settled.store, f"{'e' * 32}@2", ".trunks")]
    found = tidy_store(settled.run, keep=Keep.NONE, delete=True)
    assert _keys(found) == {_last(settled, 0), _last(settled, 2)}  # beaten, with every seed: nothing brings them back
    assert all(path.is_file() for path in kept)
    assert orphan.key in _there(settled.store)


def test_unfinished_sweep_keeps_settings_that_lack_a_seed(tmp_path: Path) -> None:
    plan = begun(tmp_path / "run", TWO_SEEDS)
    study = _study(plan)
    leave(plan, *(record_of(plan, study, 0, 60.0, seed=seed) for seed in (1, 2)))
    leave(plan, *(record_of(plan, study, 1, 40.0, seed=seed) for seed in (1, 2)), record_of(plan, study, 2, 30.0))
    assert _keys(tidy_store(plan.run)) == {_last(plan, 1, 1), _last(plan, 1, 2)}


def test_unfinished_sweep_keeps_tasks_that_other_targets_go_on_from(settled: Plan) -> None:
    ended(settled.run, EndState.STOPPED)
    mark_with(settled.run, chained=("mini_udpos",))
    assert _keys(tidy_store(settled.run)) == set()


def test_phases_of_a_trial_at_a_rung_stay_whatever_is_kept(settled: Plan) -> None:
    waiting = record_of(settled, _study(settled), 0, 40.0)
    record_path(settled.run, waiting.trial).unlink()
    write_paused(settled.run, replace(waiting, status=Status.PAUSED))
    assert _keys(tidy_store(settled.run, keep=Keep.NONE)).isdisjoint(phase.key for phase in waiting.phases)


def test_checkpoints_trunks_and_damaged_things_of_a_settled_sweep_go(settled: Plan) -> None:
    store = settled.store
    checkpoint(store, "f" * 32)
    checkpoint(store, f"{'e' * 32}@2", ".trunks")
    (store / "damaged" / "x--1.abc").mkdir(parents=True)
    (store / "damaged" / "x--1.abc" / "model.safetensors").write_bytes(b"12345")
    (store / ".inflight" / f"{'d' * 32}.damaged").write_bytes(b"1")
    (store / f".writing-{'c' * 32}-12345678").mkdir()
    found = tidy_store(settled.run, keep=Keep.ALL, delete=True)
    assert sorted(item.kind for item in found.going) == ["checkpoint", "damaged", "damaged", "leftover", "trunk"]
    assert found.frees == 3000 + 3000 + 5 + 1
    assert tidy_store(settled.run, keep=Keep.ALL).going == []


def test_checkpoint_of_a_phase_that_is_trained_goes_even_while_the_sweep_is_unfinished(settled: Plan) -> None:
    ended(settled.run, EndState.STOPPED)
    checkpoint(settled.store, _last(settled, 1))
    assert _keys(tidy_store(settled.run), "checkpoint") == {_last(settled, 1)}


def test_phase_whose_claim_another_process_holds_stays(settled: Plan) -> None:
    key = _last(settled, 0)
    holder = subprocess.Popen([sys.executable, "-c", CLAIMANT, str(settled.store), key], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert _keys(tidy_store(settled.run)) == {_last(settled, 2)}
        found = tidy_store(settled.run, delete=True)
        assert _keys(found) == {_last(settled, 2)}
        assert [item.why for item in found.staying if item.key == key] == [BUSY]
        assert key in _there(settled.store)
    finally:
        holder.kill()
        holder.wait()
    assert _keys(tidy_store(settled.run, delete=True)) == {key}


def test_run_folder_that_a_launch_holds_counts_as_unfinished(settled: Plan) -> None:
    checkpoint(settled.store, "f" * 32)
    with hold(settled.run):
        found = tidy_store(settled.run, keep=Keep.NONE)
    assert _keys(found) == {_last(settled, 0), _last(settled, 2)}
    assert _keys(found, "checkpoint") == set()


@pytest.fixture
def shared(tmp_path: Path) -> tuple[Path, Plan, Plan]:
    """One store, two finished sweeps of the same grid that chose different settings."""
    store, plans = tmp_path / "store", []
    for name, best in (("one", 0), ("two", 2)):
        run = tmp_path / name
        plan = replace(begun(run), phases=store)
        register(store, run, mark_with(run, store=str(store)))
        leave(plan, *(record_of(plan, _study(plan), number, 60.0 if number == best else 40.0) for number in range(3)))
        ended(run)
        plans.append(plan)
    return store, plans[0], plans[1]


def test_store_keeps_what_any_of_its_sweeps_chose(shared: tuple[Path, Plan, Plan]) -> None:
    store, one, _ = shared
    found = tidy_store(None, store, delete=True)
    assert _keys(found) == {_last(one, 1)}
    assert {user.run for user in found.users} == {shared[1].run, shared[2].run}


@pytest.mark.parametrize("state", [EndState.FINISHED, EndState.STOPPED])
def test_other_sweep_that_is_unfinished_keeps_what_it_has_not_beaten_itself(
    shared: tuple[Path, Plan, Plan], state: EndState
) -> None:
    _, one, two = shared
    ended(one.run, state)
    ended(two.run, EndState.STOPPED)
    (two.run / "records" / f"{record_of(two, _study(two), 1, 1.0).trial}.json").unlink()
    assert _keys(tidy_store(one.run)) == set()


def test_sweep_whose_run_folder_is_gone_is_named_and_keeps_everything_until_it_is_forgotten(
    shared: tuple[Path, Plan, Plan],
) -> None:
    store, one, two = shared
    gone = read_mark(two.run).sweep
    two.run.rename(two.run.with_name("elsewhere"))
    found = tidy_store(one.run, delete=True)
    assert found.going == []
    assert [(user.sweep, user.run) for user in found.missing] == [(gone, two.run)]
    result = CliRunner().invoke(main, ["gc", "--store", str(store), "--forget", gone, "--delete"])
    assert result.exit_code == 0, result.output
    assert _there(store) == {phase.key for phase in record_of(one, _study(one), 0, 1.0).phases}
    assert [user.sweep for user in users_of(store)] == [read_mark(one.run).sweep]


def test_another_sweep_in_the_place_of_a_user_does_not_answer_for_it(shared: tuple[Path, Plan, Plan]) -> None:
    _, one, two = shared
    mark_with(two.run, sweep="another")
    assert [user.run for user in tidy_store(one.run).missing] == [two.run]


def test_damaged_note_of_a_user_keeps_everything(shared: tuple[Path, Plan, Plan]) -> None:
    store, one, _ = shared
    (store / ".users" / "broken.json").write_text('{"swe')
    assert tidy_store(one.run, keep=Keep.NONE).going == []


def test_damaged_record_keeps_what_it_could_have_named(settled: Plan) -> None:
    record = next((settled.run / "records").glob("*-001-*"))
    record.write_bytes(record.read_bytes()[:-10])
    assert _last(settled, 1) not in _keys(tidy_store(settled.run))


def test_sweep_that_runs_is_not_forgotten(shared: tuple[Path, Plan, Plan]) -> None:
    _, one, two = shared
    with hold(two.run), pytest.raises(UserError, match="is running"):
        tidy_store(one.run, forget=read_mark(two.run).sweep)
    with pytest.raises(UserError, match="no sweep of this id"):
        tidy_store(one.run, forget="unheard-of")


def test_folder_that_is_no_store_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis--final").mkdir()
    with pytest.raises(UserError, match="no phase store"):
        tidy_store(None, tmp_path, keep=Keep.NONE, delete=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis--final"]


def test_launch_waits_to_use_the_store_while_things_are_removed(settled: Plan) -> None:
    registered = threading.Event()

    def enter() -> None:
        register(settled.store, settled.run, read_mark(settled.run))
        registered.set()

    with store_lock(settled.store):
        launch = threading.Thread(target=enter)
        launch.start()
        assert not registered.wait(0.3)
    assert registered.wait(60)
    launch.join()


def test_removal_that_was_cut_short_is_finished_by_the_next(settled: Plan) -> None:
    (settled.store / ".removing-0123456789ab").mkdir()
    (settled.store / ".removing-0123456789ab" / "model.safetensors").write_bytes(b"w")
    tidy_store(settled.run, keep=Keep.ALL, delete=True)
    assert not list(settled.store.glob(".removing-*"))


def test_weights_with_another_name_elsewhere_are_not_counted_as_freed(settled: Plan) -> None:
    (weights,) = settled.store.glob(f"*--{_last(settled, 0)}/model.safetensors")
    before = tidy_store(settled.run).frees
    os.link(weights, settled.run / "artifact")
    assert tidy_store(settled.run).frees == before - 1000


@pytest.mark.parametrize("asked", ["names it", "can't be asked"])
def test_weights_that_the_registry_names_stay(settled: Plan, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    answer = ({_last(settled, 0)}, set[str]()) if asked == "names it" else None
    monkeypatch.setattr(needs_module, "registered_trials", lambda run: answer)
    stays = {_last(settled, 0)} if answer else {_last(settled, number) for number in range(3)}
    tidy_store(settled.run, keep=Keep.NONE, delete=True)
    assert _there(settled.store) == stays


def test_tokenised_data_goes_by_its_last_use_and_not_while_it_is_made(
    settled: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    encoded = tmp_path / "cache" / "encoded"
    for name, days in (("old--a", 40), ("new--b", 1), ("busy--c", 40)):
        (encoded / name).mkdir(parents=True)
        features = encoded / name / "features.safetensors"
        features.write_bytes(b"12")
        os.utime(features, (time.time() - days * 86_400,) * 2)
    assert "tokenised data" not in {item.kind for item in tidy_store(settled.run).going}
    with claim(encoded, "c", poll=0.1):
        tidy_store(settled.run, encoded_days=30, delete=True)
    assert sorted(path.name for path in encoded.glob("*--*")) == ["busy--c", "new--b"]


def test_verb_lists_reasons_and_the_next_command(settled: Plan) -> None:
    result = CliRunner().invoke(main, ["gc", "--run", str(settled.run)])
    assert result.exit_code == 0, result.output
    assert result.output.count("of a setting that was not chosen") == 2
    assert "stay: 3 phases, of the chosen setting of a pair" in result.output
    assert "--delete removes them" in result.output
    payload = json.loads(CliRunner().invoke(main, ["gc", "--run", str(settled.run), "--json"]).output)
    assert {item["kind"] for item in payload["going"]} == {"phase"} and len(payload["staying"]) == 3
    assert payload["frees_bytes"] == sum(item["bytes"] for item in payload["going"])
