"""An address is told of the end of a sweep; whatever it does, the sweep goes on and the address stays secret."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweep.ending import Ending, EndState, LeftOut
from sweep.launching.closing import tell
from sweep.launching.outcome import message_of
from sweep.options import LaunchOptions, notify_address
from sweep.watch import notify as notify_module
from sweep.watch.notify import notify
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, leave, record_of
from training.errors import UserError

SECRET = "very-secret-token"


@dataclass
class Hook:
    """A server on the loopback that gives its answers one after the other, the last one for ever."""

    answers: list[int]
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    address: str = ""
    let_in: list[str | None] = field(default_factory=list)

    def answer(self) -> int:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook([200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append((self.path, json.loads(body)))
            found.let_in.append(self.headers["Authorization"])
            code = found.answer()
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", "file:///etc/passwd")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_port}/services/{SECRET}?token={SECRET}"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_user_and_password_of_the_address_go_into_a_header_and_are_no_part_of_a_host(hook: Hook) -> None:
    assert notify(hook.address.replace("//", "//me%40us:op%2Fen@"), {}) == ""
    assert notify(hook.address, {}) == ""
    assert hook.let_in == ["Basic " + base64.b64encode(b"me@us:op/en").decode(), None]


def test_message_arrives_as_json(hook: Hook) -> None:
    assert notify(hook.address, {"grid": "tiny", "state": "finished"}) == ""
    assert [message for _, message in hook.heard] == [{"grid": "tiny", "state": "finished"}]
    assert SECRET in hook.heard[0][0]


@pytest.mark.parametrize(("answers", "tries"), [([500, 200], 2), ([503, 429, 200], 3), ([502], 3), ([404], 1), ([403], 1)])
def test_server_that_is_out_of_order_is_asked_three_times_and_one_that_refuses_once(
    hook: Hook, answers: list[int], tries: int
) -> None:
    hook.answers, waited = list(answers), list[float]()
    reason = notify(hook.address, {}, pause=waited.append)
    assert len(hook.heard) == tries
    assert waited == list(notify_module.WAITS[: tries - 1])
    assert bool(reason) == (answers[-1] != 200)
    assert SECRET not in reason


def test_redirect_is_not_followed(hook: Hook) -> None:
    hook.answers = [302]
    reason = notify(hook.address, {}, pause=lambda seconds: None)
    assert reason == "127.0.0.1 was not told of the end: it answered 302, a redirect, which is not followed"
    assert len(hook.heard) == 1


def test_nobody_there_costs_a_line_and_shows_no_secret() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://user:{SECRET}@127.0.0.1:{free.getsockname()[1]}/{SECRET}"
    for place in (address, f"http://127.0.0.1:1/{SECRET}", f"http://[{SECRET}/"):
        reason = notify(place, {}, pause=lambda seconds: None)
        assert reason and SECRET not in reason


def test_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_module, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reason = notify(f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}", {}, pause=lambda seconds: None)
    assert reason.startswith("127.0.0.1 was not told of the end: ") and SECRET not in reason


@pytest.mark.parametrize("address", ["ftp://host/x", "file:///etc/passwd", "hooks.example.org", "https://", "http://[::1", ""])
def test_address_that_is_not_of_the_web_is_refused_without_being_shown(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_NOTIFY", f"gopher://{SECRET}")
    with pytest.raises(UserError, match="http or https") as refused:
        notify_address(address)
    assert SECRET not in str(refused.value)


def test_address_comes_from_the_command_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_NOTIFY", raising=False)
    assert notify_address(None) is None
    monkeypatch.setenv("SWEEP_NOTIFY", "https://one.example.org/x")
    assert notify_address(None) == "https://one.example.org/x"
    assert notify_address("http://127.0.0.1:9/y") == "http://127.0.0.1:9/y"


def test_message_says_how_the_sweep_ended_and_what_is_best(tmp_path: Path, hook: Hook) -> None:
    plan = begun(tmp_path / "run")
    for name, score in (("mini.none.mini_udpos", 40.0), ("mini.mini_nli.mini_udpos", 55.0)):
        leave(plan, record_of(plan, study_of(plan, name), 0, score))
    left = (LeftOut(pair="mini.none.mini_tatoeba", trials=1, reason="it would take longer than is left"),)
    ending = Ending(state=EndState.LEFT_OUT, seconds=12.34, left_out=left)
    tell(plan, LaunchOptions(grid="small", notify=hook.address), Console(quiet=True), ending)
    ((_, message),) = hook.heard
    assert message == message_of(plan.run, ending)
    assert (message["state"], message["records"], message["failed"], message["left_out"]) == ("left out", 2, 0, 1)
    (best,) = message["best"]
    assert best == {
        **{"model": "mini", "target": "mini_udpos", "intermediate": "mini_nli"},
        **{"score": 55.0, "delta": 15.0, "synthetic": True},
    }
    assert message["next"] == f"sweep resume --run {plan.run}"
