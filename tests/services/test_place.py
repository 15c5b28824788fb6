"""Where the services are, and how a launch comes to them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sweep.services import place as module
from sweep.services.place import Place, Settings, default_store, place_here, read_environment, read_settings, write_settings
from sweep.services.using import keep_databases, take_up
from training.errors import UserError

USED = ("MLFLOW_TRACKING_URI", "SWEEP_OPTUNA_STORAGE")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose path needs quoting, as its services would leave it."""
    monkeypatch.setattr(module, "LONGEST_SOCKET", 500)
    folder = tmp_path / "it's 100% & more"
    folder.mkdir()
    monkeypatch.setenv(module.VARIABLE, str(folder))
    for name in (*USED, module.STORE_VARIABLE, module.BUCKET_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    place = place_here()
    place.secret.write_text("*:*:*:sweep:the-secret\n")
    write_settings(place, Settings(store="s3://bucket/services", port=5001))
    return place


def test_settings_are_read_back_as_they_were_written(place: Place) -> None:
    assert read_settings(place) == Settings(store="s3://bucket/services", port=5001)


def test_launch_takes_the_services_up_where_the_user_names_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mine:5000")
    monkeypatch.setenv("SWEEP_OPTUNA_STORAGE", "")
    monkeypatch.delenv("SWEEP_OPTUNA_STORAGE")
    take_up()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://mine:5000"
    assert os.environ["SWEEP_OPTUNA_STORAGE"] == place.url("optuna")


def test_launch_without_services_takes_up_nothing(place: Place) -> None:
    place.environment.unlink()
    take_up()
    assert not [name for name in USED if name in os.environ]
    assert keep_databases() == ""


def test_environment_is_one_that_a_shell_reads(place: Place) -> None:
    done = subprocess.run(
        ["bash", "-c", 'set -a; . "$1"; printf %s "$SWEEP_OPTUNA_STORAGE"', "bash", str(place.environment)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == read_environment(place)["SWEEP_OPTUNA_STORAGE"] == place.url("optuna")


def test_address_names_the_password_s_file_and_never_the_password(place: Place) -> None:
    from sqlalchemy.engine import make_url

    query = make_url(place.url("mlflow")).query
    assert query == {"host": str(place.run), "passfile": str(place.secret)}
    kept = "".join(path.read_text() for path in (place.environment, place.settings))
    assert "the-secret" not in kept + place.url("mlflow")


def test_folder_too_long_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.VARIABLE, "/tmp/" + "x" * 90)
    with pytest.raises(UserError, match="too long for sockets"):
        place_here()
    take_up()  # no launch fails over it


def test_damaged_settings_are_the_users_fault(place: Place) -> None:
    place.settings.write_text('{"stor": 1}')
    with pytest.raises(UserError, match="can't be read"):
        read_settings(place)


def test_store_is_a_folder_of_the_cluster_s_own_in_its_bucket(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.BUCKET_VARIABLE, "sweep-1-us-west-2")
    monkeypatch.setattr(module, "BOOTSTRAP", tmp_path / "none.yaml")
    assert default_store() == "s3://sweep-1-us-west-2/services/sweep"
    (tmp_path / "none.yaml").write_text("cluster_name: second\nprovider: {}\n")
    assert default_store() == "s3://sweep-1-us-west-2/services/second"
    monkeypatch.setenv(module.STORE_VARIABLE, str(tmp_path / "kept"))
    assert default_store() == str(tmp_path / "kept")


def test_head_with_nowhere_to_keep_backups_is_refused(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARED", tmp_path / "none")
    with pytest.raises(UserError, match="nowhere to keep backups"):
        default_store()
