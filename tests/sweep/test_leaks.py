"""A launch that is interrupted while it trains leaves no process, shared memory or temporary file, with either executor."""

from __future__ import annotations

import getpass
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.watch.live import read_live
from tests.sweep.launches import begin, end_session, eventually

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]
SEGMENTS = ("plasma*", "torch_*", "psm_*", "pym-*", "sem.*", "ray*", "__KMP*", "cuda*")
"""What Ray, torch, CUDA, OpenMP and Python call their shared memory; other programs of this machine have theirs."""
CACHES = {"ray", f"torchinductor_{getpass.getuser()}"}
"""Folders that Ray (for logs) and torch keep for a user, whatever runs."""
GRID = """\
name: long
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 500}}}
intermediates: [none]
targets: [mini_udpos]
data: {mini_mlm: {caps: {train: 500, dev: 50}}, mini_udpos: {languages: [en], caps: {train: 100, dev: 60, test: 60}}}
search: {space: {target: {lr: [1e-4], epochs: [1]}}}
resources: {checkpoint_seconds: 0.5}
"""


def shared_memory() -> set[Path]:
    return {path for pattern in SEGMENTS for path in Path("/dev/shm").glob(pattern)}


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder for temporary files with a name short enough for the sockets that Ray puts there."""
    folder = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("executor", ["inline", "train"])
def test_interrupted_launch_leaves_nothing_but_its_run_folder(
    cache: Path, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.setenv(name, str(scratch))
    grid, run, before = tmp_path / "long.yaml", tmp_path / "run", shared_memory()
    grid.write_text(GRID)
    launch = begin(cache, tmp_path / "log", "launch", "--grid", grid, "--run", run, "--executor", executor)
    try:
        inflight = run / "phases" / ".inflight"
        eventually(lambda: list(inflight.glob("*.safetensors")) or launch.process.poll() is not None, "a checkpoint")
        assert launch.process.poll() is None, launch.said
        launch.interrupt()
        assert launch.wait() == 130, launch.said
        eventually(lambda: not launch.family(), f"the end of every process: {launch.family()}")
    finally:
        end_session(launch)
    assert "Traceback" not in launch.said
    eventually(lambda: shared_memory() <= before, "shared memory to be given back")
    assert {path.name for path in scratch.iterdir()} <= CACHES
    assert not [path for path in run.rglob("*") if path.suffix == ".tmp" or path.name.startswith(".writing-")]
    assert not list((run / "records").glob("*")), "nothing is recorded of what did not end"
    assert all("mini_mlm" in str(state.get("phase", "")) for state in read_live(run))
