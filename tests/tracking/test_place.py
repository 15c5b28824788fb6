from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweep.tracking import TrackingError, default_uri, open_tracker, read_meta, ui_command
from training.errors import UserError


def test_default_is_a_database_in_the_run_folder_unless_the_user_has_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert default_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert default_uri(tmp_path) == "http://mlflow:5000"


def test_ui_command_quotes_the_folder_and_stays_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    words = shlex.split(ui_command(tmp_path / "my runs", port=5001))
    assert words[:4] == ["mlflow", "ui", "--backend-store-uri", f"sqlite:///{tmp_path}/my runs/mlflow.db"]
    assert words[-4:] == ["--host", "127.0.0.1", "--port", "5001"]
    assert ui_command(tmp_path, "http://me:secret@mlflow:5000") == "python -m webbrowser http://mlflow:5000"


def test_ui_command_has_options_that_mlflow_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    words = shlex.split(ui_command(tmp_path))
    done = subprocess.run([sys.executable, "-m", *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words if word.startswith("--"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2, "sweep": "a", "grid": "b"}', '{"schema": 1, "sweep": ""}'])
def test_unreadable_sweep_file_is_a_fault(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UserError):
        read_meta(tmp_path)


def test_sweep_is_named_after_its_grid(tmp_path: Path) -> None:
    for sweep, name in (("all-7c41d2", "all-7c41d2"), ("7c41d2", "all 7c41d2")):
        (tmp_path / "sweep.json").write_text(json.dumps({"schema": 1, "sweep": sweep, "grid": "all"}))
        assert read_meta(tmp_path).name == name


def test_database_whose_host_does_not_answer_is_told_at_once_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({"schema": 1, "sweep": "mine-7c41d2", "grid": "mine"}))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]  # nobody listens there
        began = time.monotonic()
        with pytest.raises(TrackingError, match=f"127.0.0.1 port {port}: Connection refused") as fault:
            open_tracker(tmp_path, f"postgresql+psycopg://sweep:hunter2@127.0.0.1:{port}/mlflow").page()
    assert time.monotonic() - began < 60 and "hunter2" not in str(fault.value)
