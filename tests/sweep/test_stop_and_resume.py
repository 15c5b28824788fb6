"""A sweep that is stopped from another shell ends as it was asked to; `sweep resume` brings it to where it would have been."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sweep.conftest import Reference
from tests.sweep.launches import begin, end_session, eventually, frozen, leftovers, run_to_end, scores, tables, weights
from training.record import read_records

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("words", [(), ("--now",)], ids=["in its own time", "now"])
def test_sweep_that_was_stopped_and_resumed_ends_like_one_that_was_left_alone(
    reference: Reference, cache: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    run = tmp_path / "run"
    launch = begin(cache, tmp_path / "first.log", "launch", "--grid", "tiny", "--run", run, "--executor", "inline")
    try:
        with frozen(launch, run, 3):
            code, said = run_to_end(cache, tmp_path / "stop.log", "stop", "--run", run, *words)
            assert code == 0, said
            eventually(lambda: "asked to stop" in launch.said, "the launch to hear of it")  # before the trials can end
        assert launch.wait() == 3, launch.said
    finally:
        end_session(launch)
    assert "asked to stop" in launch.said and f"sweep resume --run {run}" in launch.said
    assert len(read_records(run)) < len(read_records(reference.run))
    assert not (run / "stop.json").exists()
    assert [path for path in leftovers(run) if ".inflight" not in path] == []
    code, said = run_to_end(cache, tmp_path / "status.log", "status", "--run", run, "--json")
    assert (code, json.loads(said)["state"]) == (0, "stopped")
    code, said = run_to_end(cache, tmp_path / "second.log", "resume", "--run", run)
    assert code == 0, said
    assert scores(run) == scores(reference.run)
    assert weights(run) == weights(reference.run)
    assert tables(run) == tables(reference.run)
    assert leftovers(run) == []
