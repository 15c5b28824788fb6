from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from search_spaces.reading import read_grid
from sweep.foreseen import mark_of
from sweep.launching.amend import write_snapshot
from sweep.planning.plan import make_plan, trial_name
from sweep.runfolder import open_run, write_mark
from sweep.sources import resolve_models, resolve_sources
from sweep.submission.progress import View
from sweep.submission.submitting import Submitted, Wishes, submit
from sweep.trial import run_leg
from tests.submission.world import write_world
from tests.training import toy
from training.tasks.registry import ROWS

LONG = "{max_length: 48, stride: 8}"
TARGETS = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba xcopa mewslix lareqa"
GRID = """\
name: whole
models: {toy: {source: MODEL}}
intermediates: [none]
targets: [TARGETS]
data:
  mnli: {max_length: 32}
  xnli: {max_length: 32, scored_on: test}
  pawsx: {max_length: 32, scored_on: test}
  udpos: {max_length: 32}
  panx: {max_length: 32, scored_on: test}
  squad_v1: LONG
  xquad: LONG
  mlqa: {max_length: 48, stride: 8, scored_on: test}
  tydiqa: {max_length: 48, stride: 8, carve_dev: 0.2}
  bucc2018: {max_length: 32, scored_on: test}
  tatoeba: {max_length: 32}
  siqa: {max_length: 48}
  xcopa: {max_length: 48}
  mewslix: {max_length: 48}
  lareqa: {max_length: 48}
search:
  trials: 1
  space: {target: {lr: [3e-3], epochs: [2]}}
training: {batch: 8}
"""


@dataclass(frozen=True)
class World:
    """A data folder with gold, one without, and a run folder whose trials were scored on the test sets with gold."""

    data: Path
    blank: Path
    run: Path


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Results are promised bit for bit on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path_factory.getbasetemp() / "submission-cache"))
    monkeypatch.delenv("SWEEP_DATA", raising=False)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Twelve targets in all languages of both benchmarks, learned by the toy model without Ray."""
    root = tmp_path_factory.mktemp("whole")
    write_world(root / "data")
    write_world(root / "blank", gold=False)
    model = toy.save_model(root / "toy")
    text = GRID.replace("MODEL", str(model)).replace("TARGETS", ", ".join(TARGETS.split())).replace("LONG", LONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWEEP_CACHE", str(tmp_path_factory.getbasetemp() / "submission-cache"))
        launched_without_ray(text, root / "run", root / "data")
    return World(root / "data", root / "blank", root / "run")


def launched_without_ray(text: str, run: Path, data: Path) -> None:
    """Run one setting of every study here, as a worker would, and leave the run folder that a launch leaves."""
    grid = read_grid(text, "whole.yaml", ROWS)
    plan = make_plan(grid, resolve_models(grid, {}), resolve_sources(grid, data), run)
    write_mark(run, mark_of(plan, open_run(run, grid.name)))
    write_snapshot(plan)
    for study in plan.studies:
        setting = {name: axis.values[0] for name, axis in study.axes.items()}
        name = trial_name(study, 0, 1, plan.chain(study, setting, 1))
        config = {"trial": name, "study": study.label, "number": 0, "seed": 1, "setting": setting, "asked": time.time()}
        report = run_leg(plan, config)
        assert not report["failed"], report


def submitted(world: World, out: Path, **wishes: object) -> Submitted:
    """`sweep submit` in this process, what it tells being a failure."""
    asked = Wishes(**{"run": world.run, "out": out, "data": world.data, **wishes})
    with View() as view:
        return submit(asked, lambda line: pytest.fail(line), view)


@pytest.fixture(scope="session")
def xtreme(world: World, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """A whole submission to XTREME. Do not write into its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWEEP_CACHE", str(tmp_path_factory.getbasetemp() / "submission-cache"))
        return submitted(world, tmp_path_factory.mktemp("xtreme") / "out")
