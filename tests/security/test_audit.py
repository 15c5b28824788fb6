"""`make audit` says what is known of the packages, and never takes no answer for a good one."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOUND = {"name": "numpy", "version": "2", "vulns": []}
SICK = {"name": "ray", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
UNASKED = {"name": "torch", "skip_reason": "not found"}
OURS = {"name": "sweep", "skip_reason": "not found"}


def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "cluster" / "audit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(folder: Path, said: str) -> Path:
    """A stand-in for pip-audit that answers always the same."""
    path = folder / "bin" / "pip-audit"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND, OURS], 0, "no advisory on any of 1 packages"),
        ([SOUND, SICK], 1, "ray 1: PYSEC-1, mended in 2"),
        ([SOUND, UNASKED], 3, "nothing is known of 1 of 2 packages: torch"),
        ([SICK, UNASKED], 1, "nothing is known of 1 of 2"),
        ([], 3, "nothing is known of 0 of 0"),
    ],
)
def test_audit_tells_advisories_from_no_answer(
    packages: list[Any], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, json.dumps({"dependencies": packages}))
    assert audit().main(tmp_path) == code
    assert said in capsys.readouterr().out


def test_audit_that_reaches_nobody_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tmp_path, "Traceback: ConnectionError")
    assert audit().main(tmp_path) == 3
    assert "could not be asked" in capsys.readouterr().out
