"""A sweep on a cluster from a laptop that comes and goes: the job lives on, is found again, stopped, resumed, fetched."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from sweep.ending import read_ending
from sweep.runfolder import is_held
from sweep.watch.live import read_live
from tests.away.conftest import Head
from tests.sweep.launches import Launch, begin, end_session, eventually, run_to_end, scores, tables
from training.record import read_records

pytestmark = [pytest.mark.ray, pytest.mark.cluster, pytest.mark.timeout(1800)]
ROOT = Path(__file__).parents[2]
RUN = "runs/tiny"


def _grid(tmp_path: Path) -> str:
    """A grid of the user's own: tiny with one target and one setting a pair, so that it is sent along and over soon."""
    text = (ROOT / "search_spaces" / "tiny.yaml").read_text("utf-8")
    for old, new in (("[mini_udpos, mini_tatoeba]", "[mini_udpos]"), ("trials: 2", "trials: 1")):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "mine.yaml").write_text(text.replace("name: tiny", "name: mine").replace("{train: 200", "{train: 100"))
    return str(tmp_path / "mine.yaml")


def _launch(head: Head, log: Path, *words: str, run: str = RUN) -> Launch:
    where = ("--grid", _grid(log.parent), "--on", head.on, "--run", run)
    return begin(log.parent / "cache", log, "launch", *where, *words, PYTHONPATH=str(ROOT), **head.pass_word)


def _ask(head: Head, log: Path, *words: object, run: str = RUN) -> tuple[int, str]:
    on = ("--on", head.on, "--run", run)
    return run_to_end(log.parent / "cache", log, *words, *on, PYTHONPATH=str(ROOT), **head.pass_word)


def _frozen(there: Path, launch: Launch) -> int:
    """Freeze the first trial that trains, so that there is something to stop whenever it is stopped; returns its process."""

    def training() -> list[int]:
        return [state["pid"] for state in read_live(there) if state.get("step")]

    eventually(lambda: training() or launch.process.poll() is not None, "a trial to train")
    assert launch.process.poll() is None, launch.said
    trial = training()[0]
    os.kill(trial, signal.SIGSTOP)
    return trial


def _nowhere(token: str, *folders: Path) -> bool:
    """Whether no file holds the token; no process was told it in its words either."""
    texts = [path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()]
    return not any(token.encode() in text for text in texts)


def test_sweep_outlives_the_laptop_and_ends_like_one_that_ran_here(head: Head, tmp_path: Path) -> None:
    there = head.base / RUN
    first = _launch(head, tmp_path / "first.log")
    try:
        trial = _frozen(there, first)
        os.kill(first.process.pid, signal.SIGKILL)
    finally:
        end_session(first)
    assert first.said.startswith(f"runs on the Ray cluster at {head.on}\n")
    assert is_held(there)

    second = _launch(head, tmp_path / "second.log")
    try:
        eventually(lambda: "runs this already" in second.said, "the job to be found")
        eventually(lambda: "mine: 2 studies, 2 trials" in second.said, "its output")
        second.interrupt()
        assert second.wait() == 130, second.said
    finally:
        end_session(second)
    assert f"sweep logs --on {head.on} --run runs/tiny" in second.said
    assert "other code" not in second.said

    code, said = _ask(head, tmp_path / "status.log", "status", "--json")
    assert code == 0, said
    assert json.loads(said)["state"] == "running"
    code, said = _ask(head, tmp_path / "stop.log", "stop", "--now")
    assert code == 0, said
    os.kill(trial, signal.SIGCONT)
    eventually(lambda: not is_held(there), "the end of the launch there", 60)
    ending = read_ending(there)
    assert ending is not None and ending.reason == "asked to stop"
    before = len(read_records(there))
    code, said = _ask(head, tmp_path / "logs.log", "logs")
    assert (code, "asked to stop" in said) == (3, True), said
    third = _launch(head, tmp_path / "third.log")
    try:
        assert third.wait() == 0, third.said
    finally:
        end_session(third)
    assert "job sweep-tiny-" in third.said and "-2; its run folder there: runs/tiny" in third.said
    code, said = _ask(head, tmp_path / "fetch.log", "fetch", "--to", tmp_path / "here")
    assert code == 0, said

    code, said = run_to_end(
        head.cache, tmp_path / "here.log", "launch", "--grid", _grid(tmp_path), "--run", tmp_path / "direct"
    )
    assert code == 0, said
    assert said.startswith("runs on this machine\n")
    assert (
        len(read_records(tmp_path / "here")) == 2 >= before
    )  # a fast machine may have them all by the time it is asked to stop
    assert tables(tmp_path / "here") == tables(tmp_path / "direct")
    assert scores(tmp_path / "here") == scores(tmp_path / "direct")
    sent = set(re.findall(r"of code \((\S+)\)", first.said + third.said))
    assert {record.provenance["code"] for record in read_records(tmp_path / "here")} <= sent
    assert _nowhere(head.token, tmp_path, head.base)


def test_sweep_that_was_stopped_is_watched_and_resumed_from_the_laptop(head: Head, tmp_path: Path) -> None:
    run = "runs/again"
    there = head.base / run
    first = _launch(head, tmp_path / "first.log", run=run)
    watching = None
    try:
        trial = _frozen(there, first)
        words = ("status", "--watch", "--on", head.on, "--run", run)
        log = tmp_path / "watch.log"
        watching = begin(tmp_path / "cache", log, *words, PYTHONPATH=str(ROOT), **head.pass_word)
        eventually(lambda: "mine running: " in watching.said or watching.process.poll() is not None, "a watcher")
        watching.interrupt()
        assert watching.wait() == 0, watching.said
        code, said = _ask(head, tmp_path / "stop.log", "stop", "--now", run=run)
        assert code == 0, said
        eventually(lambda: "asked to stop" in first.said, "the launch to hear of it")  # before the trial can end
        os.kill(trial, signal.SIGCONT)
        assert first.wait() == 3, first.said
    finally:
        end_session(first)
        if watching is not None:
            end_session(watching)
    assert is_held(there) is False and f"sweep resume --on {head.on} --run runs/again" in first.said
    code, said = _ask(head, tmp_path / "resume.log", "resume", run=run)
    assert code == 0, said
    assert "-2; its run folder there: runs/again" in said and len(read_records(there)) == 2
    code, said = _ask(head, tmp_path / "after.log", "status", "--watch", run=run)
    assert code == 0 and "finished" in said, said
    code, said = _ask(head, tmp_path / "nothing.log", "resume", run="runs/nothing")
    assert code == 2 and "no run folder" in " ".join(said.split()), said


def test_ray_of_this_machine_is_found_by_auto_and_its_folders_are_here(head: Head, tmp_path: Path) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    words = ("launch", "--grid", _grid(tmp_path), "--on", "auto", "--run", run)
    code, said = run_to_end(cache, tmp_path / "launch.log", *words, **head.found_here)
    assert code == 0, said
    assert said.startswith("runs on the Ray cluster at auto, driven from here (--on)\n")
    assert len(read_records(run)) == 2
    code, said = run_to_end(cache, tmp_path / "status.log", "status", "--on", "auto", "--run", run, "--json")
    assert code == 0 and json.loads(said)["state"] == "finished"
    code, said = run_to_end(cache, tmp_path / "resume.log", "resume", "--on", "auto", "--run", run, **head.found_here)
    assert code == 0 and "nothing to run" in said, said


def test_signals_that_were_kept_on_the_laptop_choose_what_runs_there(
    head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = "runs/ranked"
    grid = Path(_grid(tmp_path))
    text = grid.read_text("utf-8").replace("[none, mini_nli]", "[none, mini_nli, mini_qqp]")
    grid.write_text(text.replace("{train: 96, dev: 48}}", "{train: 96, dev: 48}}\n  mini_qqp: {caps: {train: 48}}", 1))
    grid.write_text(grid.read_text("utf-8") + "rank: {measure: size, keep: 1}\n")
    asked = ("--grid", grid, "--on", head.on, "--run", run)
    code, said = run_to_end(tmp_path / "cache", tmp_path / "without.log", "launch", *asked, **head.pass_word)
    assert code == 2 and "`rank` has no size of mini" in said, said
    code, said = run_to_end(tmp_path / "cache", tmp_path / "rank.log", "rank", "--grid", grid, "--run", run)
    assert code == 0 and (tmp_path / run / "rankings.json").is_file(), said
    code, said = run_to_end(tmp_path / "cache", tmp_path / "with.log", "launch", *asked, **head.pass_word)
    assert code == 0 and "with rankings.json of this machine" in said, said
    assert {record.intermediate for record in read_records(head.base / run)} == {"none", "mini_nli"}


def test_cluster_that_asks_for_a_token_says_so_and_shows_none(head: Head, tmp_path: Path) -> None:
    wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "not-the-token-of-this-cluster-000"}
    code, said = run_to_end(tmp_path / "cache", tmp_path / "log", "logs", "--on", head.on, PYTHONPATH=str(ROOT), **wrong)
    assert code == 2
    assert "does not take this machine's token" in said and "RAY_AUTH_TOKEN" in said
    assert wrong["RAY_AUTH_TOKEN"] not in said and "Traceback" not in said


def test_run_folder_that_is_not_there_is_told_as_it_would_be_here(head: Head, tmp_path: Path) -> None:
    where = ("--on", head.on, "--run", "runs/other one")
    for verb in ("status", "fetch"):
        words = (verb, *where)
        code, said = run_to_end(tmp_path / "cache", tmp_path / "log", *words, PYTHONPATH=str(ROOT), **head.pass_word)
        assert code == 2, said
        assert "run folder" in said and "other one" in said and "Traceback" not in said
