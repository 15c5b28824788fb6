"""A disk that is really full: a small file system in memory, which needs the right to mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweep.conftest import Reference
from tests.sweep.launches import run_to_end, tables, weights

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
ROOM_FOR_TWO_PHASES = "7m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_FOR_TWO_PHASES}", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_launch_on_a_full_disk_stops_with_the_cause_and_goes_on_when_there_is_room(
    reference: Reference, cache: Path, small_disk: Path, tmp_path: Path
) -> None:
    run = small_disk / "run"
    code, said = run_to_end(cache, tmp_path / "full.log", "launch", "--grid", "tiny", "--run", run)
    assert code == 1, said
    assert "no space left" in said and "the same command" in said
    kept = {path: path.read_bytes() for path in (run / "records").glob("*.json")}
    assert not list((run / "phases").glob(".writing-*"))
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    code, said = run_to_end(cache, tmp_path / "room.log", "launch", "--grid", "tiny", "--run", run)
    assert code == 0, said
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert (weights(run), tables(run)) == (weights(reference.run), tables(reference.run))
