"""Where a command runs: what was said decides, then the environment, then a cluster that was started from here; else here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep.away.place import Kind, dashboard, find_cluster, find_place
from sweep.away.tunnel import was_started
from training.errors import UserError

FILE = "cluster_name: ours\nprovider: {type: aws, region: us-west-2}\n"


def _never(file: Path) -> str:
    raise AssertionError("the cloud was asked")


def _runs(file: Path) -> str:
    return "192.0.2.1"


def _down(file: Path) -> str:
    raise UserError("it does not run", file)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def _started(name: str) -> None:
    config = {"config": {"cluster_name": name, "provider": {"type": "aws", "region": "us-west-2"}}}
    Path("ray-config-0").write_text(json.dumps(config))


def test_nothing_said_runs_here_and_asks_nobody() -> None:
    Path("cluster.yaml").write_text(FILE)
    assert find_place(None, {}, head=_never).says == "runs on this machine"


def test_cluster_of_another_name_that_was_started_from_here_is_not_taken() -> None:
    Path("cluster.yaml").write_text(FILE)
    _started("another")
    assert not was_started(Path("cluster.yaml"))
    assert find_place(None, {}, head=_never).kind is Kind.HERE


def test_cluster_that_was_started_from_here_and_runs_is_taken_and_said() -> None:
    Path("cluster.yaml").write_text(FILE)
    _started("ours")
    place = find_place(None, {}, head=_runs)
    assert (place.kind, place.on, place.away) == (Kind.FILE, "cluster.yaml", True)
    assert "--on local" in place.says


def test_cluster_that_was_started_from_here_and_is_gone_leaves_this_machine_and_says_so() -> None:
    Path("cluster.yaml").write_text(FILE)
    _started("ours")
    place = find_place(None, {}, head=_down)
    assert place.kind is Kind.HERE
    assert "cluster.yaml does not answer" in place.says


@pytest.mark.parametrize("address", ["auto", "192.0.2.1:6379", "ray://192.0.2.1:10001"])
def test_address_of_ray_itself_is_driven_from_here_as_ever(address: str) -> None:
    place = find_place(None, {"RAY_ADDRESS": address}, started=lambda file: True, head=_never)
    assert (place.kind, place.away, place.address) == (Kind.ATTACHED, False, address)


def test_address_of_a_dashboard_in_the_environment_is_a_cluster_to_send_to() -> None:
    place = find_place(None, {"RAY_ADDRESS": "https://ray.example.org"}, head=_never)
    assert (place.kind, place.on) == (Kind.DASHBOARD, "https://ray.example.org")


def test_what_was_said_goes_before_the_environment() -> None:
    assert find_place("local", {"RAY_ADDRESS": "http://192.0.2.1:8265"}).kind is Kind.HERE
    assert find_place("192.0.2.7", {"RAY_ADDRESS": "auto"}).address == "http://192.0.2.7:8265"


def test_ray_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError, match="a user or a password") as caught:
        find_place(None, {"RAY_ADDRESS": "someone:hunter2@192.0.2.1:6379"}, head=_never)
    assert "hunter2" not in str(caught.value)


def test_job_that_a_laptop_sent_runs_where_it_is_and_repeats_nothing() -> None:
    place = find_place(None, {"RAY_ADDRESS": "192.0.2.1:6379", "SWEEP_JOB": "1"}, head=_never)
    assert (place.away, place.says) == (False, "")


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("head", "http://head:8265"),
        ("head:80", "http://head:80"),
        ("http://head/", "http://head:8265"),
        ("https://proxy/ray/", "https://proxy/ray"),
        ("[::1]:8265", "http://[::1]:8265"),
    ],
)
def test_address_is_told_in_full(word: str, url: str) -> None:
    assert dashboard(word) == url


@pytest.mark.parametrize("word", ["", "ray://head:10001", "http://", "head:port", "head?x=1", "a b"])
def test_word_that_is_no_dashboard_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="address"):
        dashboard(word)


def test_address_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError) as fault:
        dashboard("http://me:secret@head")
    assert "secret" not in str(fault.value)


def test_cluster_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="not there"):
        find_place("other.yaml", {})


def test_verb_that_needs_a_cluster_says_how_to_name_one() -> None:
    with pytest.raises(UserError, match="none was named") as fault:
        find_cluster(None)
    assert "--on takes" in fault.value.remedy
