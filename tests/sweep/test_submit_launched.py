"""A sweep that was launched, from its run folder to a submission of the mini world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sweep.cli import main
from tests.sweep.conftest import Reference

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def test_submission_of_a_launched_sweep_agrees_with_its_records(
    reference: Reference, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two targets, one of them scored in two languages, both on some of their test examples."""
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["submit", "--run", str(reference.run), "--out", str(out)])
    assert result.exit_code == 0 and "SYNTHETIC" in result.stdout, result.output
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert (manifest["benchmark"], manifest["synthetic"], manifest["complete"]) == ("mini", True, True)
    assert manifest["tasks"]["mini_udpos"]["record"] == "the files give the record's scores: 48 of 100 examples a language"
    assert manifest["tasks"]["mini_tatoeba"]["record"] == "not compared: the record was scored with fewer candidates"
    assert {path.parent.name: len(list(path.parent.iterdir())) for path in out.glob("*/*")} == {
        "mini_udpos": 9,
        "mini_tatoeba": 8,
    }
    checked = CliRunner().invoke(main, ["submit", "--check", str(out)])
    assert checked.exit_code == 0 and "17 files" in checked.output
    next((out / "mini_tatoeba").iterdir()).unlink()
    checked = CliRunner().invoke(main, ["submit", "--check", str(out)])
    assert checked.exit_code == 2 and "1 fault in the submission" in checked.output
