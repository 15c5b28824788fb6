"""Every task of the study from its files to its scores, and a sweep on prepared data with the network cut off."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.catalogue import grids
from sweep.foreseen import tables_of
from tests.sweep.launches import SWEEP
from tests.training.data.hub_server import serving
from tests.training.data.hub_sets import wikiann
from training.record import Status, read_records
from training.tasks.registry import ROWS

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
CAPS = {"train": 48, "dev": 16, "test": 8}
STUDY = ("anli_plus", "nli", "qqp", "squad_v2", "squad", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
LOOPBACK = "ip link set lo up && exec"


def small(name: str, folder: Path) -> Path:
    """A shipped grid with tiny caps and a short phase 0: its scores mean nothing."""
    grid: dict[str, Any] = yaml.safe_load(grids()[name].read_text(encoding="utf-8"))
    grid["name"] = f"small_{name}"
    grid["models"]["mini"]["pretrain"] |= {"epochs": 1}
    caps = {task: {"caps": dict(CAPS)} for task, row in ROWS.items() if row.synthetic and row.kind != "retrieval"}
    kept = {task: {key: value for key, value in said.items() if key != "caps"} for task, said in grid["data"].items()}
    grid["data"] = {task: caps.get(task, {}) | kept.get(task, {}) for task in {**caps, **kept}} | {
        "mini_mlm": {"caps": {"train": 300}},
    }
    path = folder / f"{grid['name']}.yaml"
    path.write_text(yaml.safe_dump(grid), encoding="utf-8")
    return path


def launched(grid: Path, run: Path, *options: str, before: tuple[str, ...] = ()) -> None:
    command = [*before, str(SWEEP), "launch", "--grid", str(grid), "--run", str(run), *options]
    if before:
        command = [*before, "sh", "-c", f'{LOOPBACK} "$@"', "sh", *command[len(before) :]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["mini_targets", "mini_intermediates"])
def test_every_task_of_the_grid_is_learned_and_scored_in_every_language(name: str, tmp_path: Path) -> None:
    grid = small(name, tmp_path)
    launched(grid, tmp_path / "run")
    records = read_records(tmp_path / "run")
    assert all(record.status is Status.FINISHED for record in records), [record.reason for record in records]
    for record in records:
        for result in record.results:
            assert set(result.languages) == set(ROWS[result.task].languages)
            assert all(math.isfinite(value) for scores in result.languages.values() for value in scores.values())
            assert all({"score", "clean"} <= set(scores) for scores in result.languages.values())
            assert result.oracle is (result.task == "mini_bucc2018")
    (table,) = tables_of(tmp_path / "run")
    asked = yaml.safe_load(grid.read_text(encoding="utf-8"))
    assert set(table.targets) == set(asked["targets"])
    assert all(cell.score is not None for row in table.cells.values() for cell in row.values())
    if name == "mini_intermediates":
        assert {f"mini_{task}" for task in STUDY} <= set(table.intermediates)


def test_the_two_grids_hold_every_synthetic_task_that_can_stand_in_them() -> None:
    said = [yaml.safe_load(grids()[name].read_text(encoding="utf-8")) for name in ("mini_targets", "mini_intermediates")]
    targets = {target for grid in said for target in grid["targets"]}
    assert {name for name, row in ROWS.items() if row.synthetic and row.target} <= targets


def cut_off() -> tuple[str, ...]:
    """The command that runs another with a network of its own, of which only loopback is there."""
    unshare = shutil.which("unshare")
    if unshare is None or shutil.which("ip") is None or subprocess.run([unshare, "-rn", "true"], check=False).returncode:
        pytest.skip("network namespaces can't be made here (unshare -rn, ip)")
    return unshare, "-rn"


def test_a_sweep_on_prepared_data_runs_with_the_network_cut_off(tmp_path: Path) -> None:
    before = cut_off()
    data, grid = tmp_path / "data", tmp_path / "offline.yaml"
    data.mkdir()
    grid.write_text(
        "name: offline\n"
        "models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}\n"
        "intermediates: [none]\ntargets: [panx]\n"
        "data:\n  mini_mlm: {caps: {train: 200}}\n  panx: {languages: [en, de], scored_on: test, max_length: 64}\n",
        encoding="utf-8",
    )
    with serving() as hub:
        hub.add("unimelb-nlp/wikiann", wikiann(["en", "de"]))
        around = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
        command = [str(SWEEP), "data", "prepare", "--grid", str(grid), "--from", "hub", "--data", str(data)]
        done = subprocess.run(
            command, env={**os.environ, **proxies, **around}, capture_output=True, text=True, timeout=300, check=False
        )
    assert (data / "prepared" / "panx" / "manifest.json").is_file(), done.stdout + done.stderr
    launched(grid, tmp_path / "run", "--data", str(data), before=before)
    (record,) = read_records(tmp_path / "run")
    assert record.status is Status.FINISHED and set(record.results[0].languages) == {"en", "de"}
