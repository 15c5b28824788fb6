"""The watcher of a spot node: a cloud's notice becomes one drain with its deadline, and nothing ends the watcher."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import sweep.elastic.metadata as metadata
from sweep.elastic.metadata import Notice
from sweep.elastic.spot import Spot, main
from tests.elastic.clouds import ACTION, PREEMPTED, REBALANCE, Service, serving

AT = 1_900_000_000.0


class Drains:
    """Notes what was drained; fails the first so many times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.notices = failures, list[Notice]()

    def __call__(self, notice: Notice) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no head")
        self.notices.append(notice)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(metadata, "TIMEOUT", 60.0)
    with serving(Service()) as service:
        yield service


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(metadata, "TIMEOUT", 60.0)
    with serving(Service(google=True, answers={PREEMPTED: "FALSE"})) as service:
        yield service


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.set_level(logging.INFO, "sweep.spot")
    return caplog.messages


def spot(service: Service, drains: Drains, **more: bool) -> Spot:
    return Spot(metadata.Service(service.address), drains, **more)


def looks(watcher: Spot, number: int = 2) -> None:
    for _ in range(number):
        watcher.look()


def test_aws_notice_is_one_drain_with_its_deadline(aws: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sweep.spot")
    drains = Drains()
    watcher = spot(aws, drains)
    looks(watcher)
    assert not drains.notices
    aws.interrupt(AT)
    looks(watcher, 3)
    assert [notice.deadline for notice in drains.notices] == [AT]
    assert len(aws.tokens) == 1, "one token serves many looks"
    assert [text.partition(",")[0] for text in caplog.messages] == [
        "AWS: no notice",
        "AWS will terminate this spot instance: node drained",
    ]


def test_token_that_has_run_out_is_renewed(aws: Service) -> None:
    drains = Drains()
    watcher = spot(aws, drains)
    watcher.look()
    aws.valid = "another"
    aws.interrupt(AT)
    watcher.look()
    assert len(drains.notices) == 1 and len(aws.tokens) == 2


@pytest.mark.parametrize("asked", [False, True])
def test_rebalance_recommendation_drains_only_where_it_was_asked_for(aws: Service, asked: bool) -> None:
    drains = Drains()
    aws.answers[REBALANCE] = '{"noticeTime": "2026-01-01T00:00:00Z"}'
    looks(spot(aws, drains, rebalance=asked))
    assert [notice.sure for notice in drains.notices] == ([False] if asked else [])


def test_google_preemption_is_one_drain(google: Service) -> None:
    drains = Drains()
    watcher = spot(google, drains)
    looks(watcher)
    assert not drains.notices
    google.answers[PREEMPTED] = "TRUE"
    looks(watcher, 3)
    (notice,) = drains.notices
    assert 25 < notice.deadline - time.time() <= 30


def test_drain_that_fails_is_tried_again_and_said_once(aws: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sweep.spot")
    aws.interrupt(AT)
    drains = Drains(failures=3)
    looks(spot(aws, drains), 5)
    assert len(drains.notices) == 1
    assert sum("no head" in text for text in caplog.messages) == 1 and len(caplog.messages) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"action": "stop", "time": "soon"}', '{"action": 1, "time": 2}', "\x00"])
def test_answer_that_makes_no_sense_drains_nothing_and_is_said_once(
    aws: Service, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sweep.spot")
    aws.answers[ACTION] = text
    drains = Drains()
    looks(spot(aws, drains), 4)
    assert not drains.notices and len(caplog.messages) == 1


def test_service_that_is_away_or_broken_is_waited_for(aws: Service) -> None:
    drains = Drains()
    aws.broken = True
    watcher = spot(aws, drains)
    looks(watcher)
    aws.broken = False
    aws.interrupt(AT)
    watcher.look()
    assert len(drains.notices) == 1


@pytest.mark.parametrize("address", ["http://example.org", "http://8.8.8.8", "https://127.0.0.1", "ftp://127.0.0.1", ""])
def test_service_that_is_not_this_machines_is_refused(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--metadata", address])
    assert refused.value.code == 2 and "metadata service" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--interval", "0"], ["--interval", "nan"], ["--node-id", "../x"]])
def test_bad_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2 and words[0] in capsys.readouterr().err


def test_watcher_loads_neither_ray_nor_torch_until_it_drains() -> None:
    program = "import sweep.elastic.spot, sys; print(sorted({'ray', 'torch', 'yaml', 'pydantic'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
