"""A run folder is ours or refused untouched, is held by one launch at a time, and survives damage of its records."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sweep.launching.leftovers import remove_leftovers
from sweep.planning.plan import trial_name
from sweep.records import readable_records
from sweep.runfolder import MARK, hold, is_held, open_run, read_mark
from sweep.watch.live import LiveFile, read_live
from tests.sweep.plans import plan_of, score_record
from training.errors import OtherVersionError, UserError
from training.files.seal import FIELD as SEAL
from training.files.seal import sealed
from training.record import RECORD_SCHEMA, record_path, write_record

HOLDER = """
import sys, time
from pathlib import Path
from sweep.runfolder import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _held_elsewhere(run: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(run)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def _leave_record(run: Path, number: int) -> Path:
    plan = plan_of(run=run)
    study = plan.studies[0]
    setting = {"target.lr": 1e-4, "target.epochs": number + 1}
    name = trial_name(study, number, 1, plan.chain(study, setting, 1))
    return write_record(run, score_record(study, number, 1, setting, 50.0, trial=name))


def test_new_folder_and_empty_folder_are_marked_and_taken_up_again(tmp_path: Path) -> None:
    mark = open_run(tmp_path / "new", "small")
    assert read_mark(tmp_path / "new") == mark == open_run(tmp_path / "new", "small")
    (tmp_path / "empty").mkdir()
    assert open_run(tmp_path / "empty", "small").sweep != mark.sweep


@pytest.mark.parametrize("foreign", ["thesis.tex", "records", "phases", ".git", "sweep.json.bak", ".other.tmp"])
def test_folder_that_no_sweep_made_is_refused_untouched(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).mkdir()
    (tmp_path / foreign / "work").write_text("mine")
    before = _contents(tmp_path)
    with pytest.raises(UserError, match="no sweep made") as refused:
        open_run(tmp_path, "small")
    assert foreign in str(refused.value)
    assert _contents(tmp_path) == before


def test_folder_of_another_grid_is_refused_untouched(tmp_path: Path) -> None:
    open_run(tmp_path, "small")
    before = _contents(tmp_path)
    with pytest.raises(UserError, match="belongs to grid small, not other"):
        open_run(tmp_path, "other")
    assert _contents(tmp_path) == before


def test_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UserError, match="is a file"):
        open_run(tmp_path / "run", "small")
    with pytest.raises(UserError, match="can't be written"), hold(tmp_path / "run" / "below"):
        pass


@pytest.mark.parametrize("mark", [b"", b"{", b"[]", b'{"schema": 1, "sweep": 3, "grid": "small"}'])
def test_folder_whose_mark_is_damaged_is_refused_untouched(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / MARK).write_bytes(mark)
    with pytest.raises(UserError):
        open_run(tmp_path, "small")
    assert (tmp_path / MARK).read_bytes() == mark


def test_launch_that_was_killed_before_its_mark_leaves_a_folder_that_can_be_taken(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1")
    (tmp_path / f".{MARK}.1a2b3c4d.tmp").write_text('{"sch')
    assert open_run(tmp_path, "small").grid == "small"
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", MARK]


def test_second_holder_is_refused_and_told_who_holds(tmp_path: Path) -> None:
    holder = _held_elsewhere(tmp_path)
    try:
        assert is_held(tmp_path)
        with pytest.raises(UserError, match="another launch is using") as refused, hold(tmp_path):
            pass
        assert f"process {holder.pid} on " in str(refused.value)
        assert is_held(tmp_path)
    finally:
        holder.kill()
        holder.wait()


def test_hold_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    holder = _held_elsewhere(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()
    assert not is_held(tmp_path)


def test_looking_at_a_folder_neither_makes_it_nor_needs_to_write_to_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with hold(tmp_path):
        pass
    (tmp_path / ".lock").chmod(0o444)
    assert not is_held(tmp_path)


@pytest.mark.parametrize("damage", [b"", b'{"schema": 2}', b'{"schema": "2"}', b"\xff\xfe", b"null"])
def test_damaged_record_is_set_aside_and_named(tmp_path: Path, damage: bytes) -> None:
    whole, damaged = _leave_record(tmp_path, 0), _leave_record(tmp_path, 1)
    damaged.write_bytes(damage)
    looked, seen = readable_records(tmp_path, set_aside=False)
    assert [record.trial for record in looked] == [whole.stem]
    assert damaged.is_file()
    assert len(seen) == 1
    records, lines = readable_records(tmp_path)
    assert [record.trial for record in records] == [whole.stem]
    assert len(lines) == 1
    assert damaged.name in lines[0]
    assert damaged.with_suffix(".damaged").read_bytes() == damage
    assert readable_records(tmp_path) == (records, [])


def test_record_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = _leave_record(tmp_path, 0)
    fields = {name: value for name, value in json.loads(path.read_bytes()).items() if name != SEAL}
    path.write_bytes(newer := sealed(fields | {"schema": RECORD_SCHEMA + 1}))
    with pytest.raises(OtherVersionError, match="another schema"):
        readable_records(tmp_path)
    assert path.read_bytes() == newer


def test_record_under_another_trials_name_is_set_aside(tmp_path: Path) -> None:
    path = _leave_record(tmp_path, 0)
    path.rename(record_path(tmp_path, "another"))
    assert readable_records(tmp_path)[0] == []


def test_leftovers_of_a_kill_are_removed_and_nothing_else(tmp_path: Path) -> None:
    record = _leave_record(tmp_path, 0)
    phases = tmp_path / "phases"
    kept = [record, phases / "a--0123" / "model.safetensors", phases / ".inflight" / "4567.safetensors"]
    kept += [tmp_path / "mlflow.db", tmp_path / "optuna.db"]
    gone = [
        phases / ".writing-89ab-c" / "model.safetensors",
        phases / ".inflight" / "0123.safetensors",
        phases / ".inflight" / ".4567.safetensors.1a2b3c4d.tmp",
        tmp_path / "records" / ".trial.json.1a2b3c4d.tmp",
        tmp_path / ".sweep.json.1a2b3c4d.tmp",
        *(tmp_path / name / "trial.json" for name in ("live", "tune", "train")),
    ]
    for path in [*kept[1:], *gone]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    remove_leftovers(tmp_path)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and ".claims" not in path.parts]
    assert sorted(left) == sorted(kept)


def test_live_file_says_what_runs_and_goes_with_its_trial(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path)
    chain = plan.chain(plan.studies[0], {"target.lr": 1e-4, "target.epochs": 1}, 1)
    watcher = LiveFile(tmp_path, "mini.none.mini_udpos-000-s1--0123")
    watcher.phase_started(0, 2, chain.phases[0])
    watcher.step(10, 20, 1.5)
    (tmp_path / "live" / "mini.none.mini_udpos-001-s1--4567.json").write_text('{"trial": ')
    half_written = tmp_path / "live" / "mini.none.mini_udpos-000-s1--0123.99.tmp"
    half_written.write_text(json.dumps({}))
    (state,) = read_live(tmp_path)
    assert (state["trial"], state["phase"], state["number"]) == (watcher.state["trial"], chain.phases[0].name, 1)
    watcher.remove()
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["mini.none.mini_udpos-001-s1--4567.json"]


def test_live_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("a file")
    watcher = LiveFile(tmp_path, "trial")
    plan = plan_of(run=tmp_path)
    watcher.phase_started(0, 1, plan.chain(plan.studies[0], {"target.lr": 1e-4, "target.epochs": 1}, 1).phases[0])
    watcher.remove()
    assert read_live(tmp_path) == []
