"""What no sweep needs of a bucket is listed, and removed when that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sweep.bucket import clearing, users
from sweep.bucket.clearing import CHANGED, YOUNG, tidy_bucket
from sweep.bucket.lease import leased
from sweep.cli import main
from sweep.gc.needs import Keep
from sweep.gc.removal import Tidied
from sweep.gc.users import User
from sweep.planning.plan import Plan
from tests.bucket.machines import folder, objects, put
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, ended, record_of
from tests.training.bucket import ADDRESS, Server
from training.errors import UserError
from training.files.codec import canonical
from training.record import TrialRecord, write_record
from training.stores.behind import CHECKPOINTS, ENCODED, PHASES, TRUNKS, Behind, check_behind, local_store
from training.stores.objects import open_objects

EMPTY: tuple[set[str], set[str]] = (set(), set())


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder, a tracker without a registry, and no day to wait."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setattr("sweep.gc.needs.registered_trials", lambda run: EMPTY)
    monkeypatch.setattr(clearing, "GUARD", -1e9)


@pytest.fixture
def behind(bucket: Server, tmp_path: Path) -> Behind:
    check_behind(local_store(tmp_path / "cache", ADDRESS))
    return Behind(open_objects(ADDRESS))


@pytest.fixture
def swept(behind: Behind, tmp_path: Path) -> tuple[Plan, list[TrialRecord]]:
    """A sweep of another machine with two trials, the first the better, and its phases in the bucket."""
    run = folder(tmp_path / "head")
    plan = begun(run)
    study = study_of(plan, "mini.none.mini_udpos")
    records = [record_of(plan, study, number, score) for number, score in enumerate((60.0, 40.0))]
    for record in records:
        write_record(run, record)
        for phase in record.phases:
            (tmp_path / "identity.json").write_bytes(canonical(phase.identity))
            (tmp_path / "model.safetensors").write_bytes(b"w" * 1000)
            files = {name: tmp_path / name for name in ("identity.json", "model.safetensors")}
            if behind.peek(PHASES, phase.key) is None:
                behind.put(PHASES, phase.key, files, name=f"{phase.identity.name}--{phase.key}")
    put(run)
    return plan, records


@pytest.fixture
def one_file(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "file").write_bytes(b"c" * 3000)
    return {"file": tmp_path / "file"}


def finish(plan: Plan) -> None:
    ended(plan.run)
    put(plan.run)


def names(found: Tidied) -> set[tuple[str, str]]:
    return {(item.kind, item.path.name) for item in found.going}


def test_beaten_setting_of_a_finished_sweep_goes_and_the_chosen_one_stays(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]]
) -> None:
    plan, (best, beaten) = swept
    finish(plan)
    found = tidy_bucket(ADDRESS)
    gone = beaten.phases[-1].key
    assert names(found) == {("phase", gone)} and found.frees > 1000
    assert [item.why for item in found.going] == ["of a setting that was not chosen"]
    assert behind.peek(PHASES, gone) is not None
    tidy_bucket(ADDRESS, delete=True)
    assert behind.keys(PHASES) == {phase.key for phase in best.phases}
    assert not behind.objects.listing(f"files/{PHASES}/{gone}")
    assert names(tidy_bucket(ADDRESS)) == set()


def test_checkpoints_and_trunks_go_when_every_sweep_is_settled(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], one_file: dict[str, Path]
) -> None:
    plan, (best, beaten) = swept
    behind.put(CHECKPOINTS, "stopped", one_file, step=3)
    behind.put(CHECKPOINTS, best.phases[-1].key, one_file, step=3)
    behind.put(TRUNKS, "trunk@2", one_file, step=3)
    assert any(f"{ADDRESS}/runs/all" in item.why for item in tidy_bucket(ADDRESS).staying)
    assert names(tidy_bucket(ADDRESS)) == {("checkpoint", best.phases[-1].key), ("phase", beaten.phases[-1].key)}
    finish(plan)
    tidy_bucket(ADDRESS, keep=Keep.ALL, delete=True)
    assert behind.keys(CHECKPOINTS) == behind.keys(TRUNKS) == frozenset()
    assert len(behind.keys(PHASES)) == len({phase.key for record in swept[1] for phase in record.phases})


def test_files_of_a_writer_that_was_killed_and_damaged_bundles_go_at_once(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], one_file: dict[str, Path]
) -> None:
    _, (best, _) = swept
    behind.objects.write(f"files/{PHASES}/{best.phases[0].key}/0123456789ab/model.safetensors", b"half")
    behind.objects.write(f"files/{PHASES}/never/0123456789ab/model.safetensors", b"half")
    behind.put(PHASES, "broken", one_file, name="x--broken")
    behind.set_aside(PHASES, "broken")
    before = behind.keys(PHASES)
    found = tidy_bucket(ADDRESS, keep=Keep.ALL, delete=True)
    assert sorted((item.kind, item.frees) for item in found.going)[1:] == [("leftover", 4), ("leftover", 4)]
    assert found.going[0].kind == "damaged" and found.going[0].frees > 3000
    left = [name for name in behind.objects.listing("files") if "0123456789ab" in name or "broken" in name]
    assert left == [] and not behind.objects.listing("damaged") and behind.keys(PHASES) == before
    for phase in best.phases:
        assert behind.objects.listing(f"files/{PHASES}/{phase.key}")


def test_what_was_put_today_stays_whatever_it_is(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "GUARD", clearing.DAY)
    behind.objects.write(f"files/{PHASES}/new/0123456789ab/model.safetensors", b"half")
    finish(swept[0])
    found = tidy_bucket(ADDRESS, keep=Keep.NONE, delete=True)
    assert found.going == [] and {item.why for item in found.staying} == {YOUNG}


def test_tokenised_data_goes_only_where_it_is_asked_for(behind: Behind, one_file: dict[str, Path]) -> None:
    behind.put(ENCODED, "split", one_file)
    assert names(tidy_bucket(ADDRESS)) == names(tidy_bucket(ADDRESS, encoded_days=1.0)) == set()
    assert names(tidy_bucket(ADDRESS, encoded_days=0.0)) == {("tokenised data", "split")}


def test_bundle_that_was_put_anew_meanwhile_stays(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], one_file: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(swept[0])
    behind.put(CHECKPOINTS, "key", one_file, step=3)
    read, looks = clearing.users_behind, []

    def late(*words: Any) -> list[User]:
        looks.append(words)
        if len(looks) == 2:
            behind.replace(CHECKPOINTS, "key", {"longer": one_file["file"]}, step=4)
        return read(*words)

    monkeypatch.setattr(clearing, "users_behind", late)
    found = tidy_bucket(ADDRESS, keep=Keep.ALL, delete=True)
    assert [item.why for item in found.staying if item.kind == "checkpoint"] == [CHANGED]
    bundle = behind.peek(CHECKPOINTS, "key")
    assert bundle is not None and bundle.step == 4


def test_sweep_that_appears_meanwhile_ends_the_removal(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(swept[0])
    lists = iter([[], [User(sweep="new", run=Path("x"), grid="g")]])
    monkeypatch.setattr(clearing, "users_behind", lambda *words: next(lists))
    with pytest.raises(UserError, match="began to use"):
        tidy_bucket(ADDRESS, keep=Keep.NONE, delete=True)
    assert behind.keys(PHASES)


def test_launch_that_has_only_begun_keeps_everything(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], tmp_path: Path
) -> None:
    finish(swept[0])
    other = tmp_path / "other" / "new"
    with leased(objects(other), other):
        found = tidy_bucket(ADDRESS, keep=Keep.NONE)
    assert names(found) == set() and [user.sweep for user in found.missing] == ["new"]


def test_sweep_that_runs_elsewhere_cannot_be_forgotten_and_one_that_ended_can(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]]
) -> None:
    (user,) = users.users_behind(behind.objects)
    with leased(objects(swept[0].run), swept[0].run), pytest.raises(UserError, match="is running"):
        tidy_bucket(ADDRESS, forget=user.sweep)
    assert len(names(tidy_bucket(ADDRESS, forget=user.sweep))) == len(behind.keys(PHASES))
    with pytest.raises(UserError, match="no sweep of this id"):
        tidy_bucket(ADDRESS, forget="other")


def test_final_weights_stay_where_no_registry_can_be_asked(
    behind: Behind, swept: tuple[Plan, list[TrialRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    finish(swept[0])
    assert names(tidy_bucket(ADDRESS)) == set()


def test_command_lists_and_says_how_to_remove(behind: Behind, swept: tuple[Plan, list[TrialRecord]]) -> None:
    finish(swept[0])

    def run(*words: str) -> str:
        return CliRunner().invoke(main, ["gc", "--store", ADDRESS, *words]).output

    assert "1 thing" in run() and "--delete removes" in run() and f"store {ADDRESS}" in run()
    assert json.loads(run("--json"))["going"][0]["kind"] == "phase"
    assert "removed 1 thing" in run("--delete") and "nothing to remove" in run()
    assert "no store of a sweep" in CliRunner().invoke(main, ["gc", "--store", f"{ADDRESS}/other"]).output
