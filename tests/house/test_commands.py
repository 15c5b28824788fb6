"""The commands of the house: each target of the Makefile sets up what it needs, and CI runs all that has to hold."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = {
    "demo": "sweep launch --grid demo",
    "test": '-m "not slow and not cluster and not ray"',
    "test-slow": '-m "slow and not cluster and not ray"',
    "test-cluster": "pytest -q -m cluster",
    "lint": "ruff check",
    "audit": "cluster/audit.py",
}
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _would_run(target: str, venv: Path) -> str:
    done = subprocess.run(["make", "-n", f"VENV={venv}", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@needs_make
@pytest.mark.parametrize("target", [*TARGETS, "bench"])
def test_target_without_an_environment_sets_one_up_first(target: str, tmp_path: Path) -> None:
    steps = _would_run(target, tmp_path / "venv")
    torch, project = steps.index("pip install --quiet --disable-pip-version-check torch=="), steps.index("--editable '.[dev]'")
    assert steps.index("-m venv") < torch < project
    assert TARGETS.get(target, "benchmarks/") in steps[project:]


@needs_make
def test_environment_is_set_up_again_when_the_project_changes(tmp_path: Path) -> None:
    stamp = tmp_path / ".ready"
    stamp.touch()
    assert "venv" not in _would_run("lint", tmp_path).replace(str(tmp_path), "")
    project = (ROOT / "pyproject.toml").stat().st_mtime
    os.utime(stamp, (project - 10, project - 10))
    assert "--editable '.[dev]'" in _would_run("lint", tmp_path)


def test_ci_runs_every_check_and_stops_at_the_first_that_fails() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text("utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash" and "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ["make lint", "make test", "make test-slow"]
