"""`sweep ui`: MLflow of a run folder, or ways to a head's pages; what was opened is closed with it.

`ray` is a stand-in: it says where the head is, and forwards to a server of this machine, as ssh would to one of the head.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from sweep.away import pages
from sweep.away import tunnel as tunnels
from sweep.away.pages import has_browser, show_pages
from sweep.away.place import Kind, Place
from sweep.away.serving import answers
from sweep.cli import main
from sweep.tracking import open_tracker
from tests.sweep.launches import begin, end_session, eventually, processes
from training.errors import UserError

STAND_IN = """#!{python}
import os, socket, sys, threading
if sys.argv[1] == "get-head-ip":
    sys.exit(print("192.0.2.1"))
port, remote = (int(sys.argv[sys.argv.index(flag) + 1]) for flag in ("--port", "--remote-port"))
behind = {behind}
def pump(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)
with socket.create_server(("127.0.0.1", port)) as server:
    if os.path.exists({gone!r}):
        os._exit(255)
    while True:
        here = server.accept()[0]
        if remote not in behind:
            here.close()
            continue
        there = socket.create_connection(("127.0.0.1", behind[remote]))
        for pair in ((here, there), (there, here)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *words: object) -> None:
        """Quiet."""


@pytest.fixture
def page() -> Iterator[int]:
    """The port of a server that answers every question."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: dict[int, int]) -> Place:
    program, file = tmp_path / "ray", tmp_path / "cluster.yaml"
    program.write_text(STAND_IN.format(python=sys.executable, behind=behind, gone=str(tmp_path / "gone")))
    program.chmod(0o755)
    file.write_text("cluster_name: ours")
    monkeypatch.setattr(tunnels, "ray_program", lambda: str(program))
    monkeypatch.setattr(pages, "has_browser", lambda: False)
    monkeypatch.setattr(pages, "free_port", lambda wanted: tunnels.free_port())  # other tests' heads have the same ports
    return Place(kind=Kind.FILE, on=str(file))


def _interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as everything is shown."""

    def press(opened: pages.Opened) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(pages, "_keep", press)


def test_pages_of_a_cluster_are_named_and_their_ways_closed_at_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int, capsys: pytest.CaptureFixture[str]
) -> None:
    place = _cluster(tmp_path, monkeypatch, {5000: page, 8265: page})
    _interrupted(monkeypatch)
    assert show_pages(place, None, None, browser=True) == 0
    said = capsys.readouterr().out
    assert re.search(r"^MLflow: http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    assert re.search(r"^Ray: http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    assert "~/.ray/auth_token" in said
    eventually(lambda: not any(str(tmp_path / "ray") in name for _, _, name in processes()), "the end of the ways")


def test_head_without_mlflow_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int, capsys: pytest.CaptureFixture[str]
) -> None:
    place = _cluster(tmp_path, monkeypatch, {8265: page})
    _interrupted(monkeypatch)
    assert show_pages(place, None, None, browser=False) == 0
    said = capsys.readouterr().out
    assert "MLflow does not answer at port 5000 of the head" in said and f"sweep fetch --on {place.on}" in said
    assert "MLflow: http" not in said and "Ray: http" in said


def test_way_that_is_lost_ends_the_looking_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int, capsys: pytest.CaptureFixture[str]
) -> None:
    place = _cluster(tmp_path, monkeypatch, {5000: page, 8265: page})
    keep = pages._keep

    def lose(opened: pages.Opened) -> int:
        os.killpg(opened.ways[0].process.pid, signal.SIGKILL)
        return keep(opened)

    monkeypatch.setattr(pages, "_keep", lose)
    assert show_pages(place, None, None, browser=False) == 1
    assert "give the command again" in capsys.readouterr().err


def test_tracker_that_is_a_server_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:hunter2@mlflow.example.org")
    (tmp_path / "report.html").write_text("<p>")
    assert show_pages(Place(kind=Kind.HERE, on="local"), tmp_path, None, browser=False) == 0
    said = capsys.readouterr().out
    assert "MLflow: https://mlflow.example.org" in said and "hunter2" not in said
    assert f"report: file://{tmp_path}/report.html" in said


def test_run_folder_without_a_database_is_told_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="no MLflow database") as fault:
        show_pages(Place(kind=Kind.HERE, on="local"), tmp_path, None, browser=False)
    assert "sweep sync" in fault.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_run_folder_that_is_named_is_looked_for_here_though_a_cluster_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = CliRunner().invoke(main, ["ui", "--run", str(tmp_path)])
    assert result.exit_code == 2 and "no MLflow database" in " ".join(result.output.split())


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="a screen is there")
def test_browser_is_opened_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.get", lambda: object())
    assert has_browser({"DISPLAY": ":0"})
    assert not has_browser({"TERM": "xterm"})


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ui_of_a_run_folder_serves_its_runs_and_leaves_nothing(tmp_path: Path) -> None:
    run, seen = tmp_path / "run", tmp_path / "seen"
    run.mkdir()
    (run / "sweep.json").write_text(json.dumps({"schema": 1, "sweep": "mine-7c41d2", "grid": "mine"}))
    made = open_tracker(run).page()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    looking = begin(tmp_path / "cache", tmp_path / "log", "ui", "--run", run, BROWSER=f"{browser} %s")
    try:
        eventually(lambda: "Ctrl-C closes it" in looking.said or looking.process.poll() is not None, "the page")
        (shown,) = re.findall(r"^MLflow: (http://127\.0\.0\.1:.*)$", looking.said, re.MULTILINE)
        address, _, page = shown.partition("/#/")
        assert answers(address) and page == made.partition("/#/")[2] and page.startswith("experiments/")
        wish = urllib.request.Request(
            f"{address}/api/2.0/mlflow/experiments/search", b'{"max_results": 10}', {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(wish, timeout=120) as reply:
            assert "sweep mine" in {each["name"] for each in json.load(reply)["experiments"]}
        eventually(seen.is_file, "the browser")
        assert any(line in (shown, (run / "report.html").as_uri()) for line in seen.read_text().split())
        looking.interrupt()
        assert looking.wait() == 0, looking.said
        eventually(lambda: not answers(address, seconds=1), "the end of the server")
    finally:
        end_session(looking)
    assert sorted(path.name for path in run.iterdir()) == ["mlflow.db", "report.html", "sweep.json"]
