"""The grids that are shipped can be read, say what they are, and name only what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.catalogue import abouts, grids
from search_spaces.reading import load_grid
from search_spaces.sources import SourceKind
from sweep.planning.nominal import nominal_plan
from sweep.planning.sizes import sizes_of


@pytest.mark.parametrize("name", grids())
def test_shipped_grid_is_read_under_its_own_name(name: str) -> None:
    grid = load_grid(name)
    assert grid.name == name
    assert grid.about
    assert grid.about == abouts()[name]


@pytest.mark.parametrize("name", grids())
def test_shipped_grid_has_a_baseline_to_compare_with(name: str) -> None:
    assert any(setting.is_baseline for setting in load_grid(name).intermediates)


def test_shipped_grids_are_those_the_documentation_names() -> None:
    assert set(grids()) >= {"demo", "tiny", "real_small", "all"}


STUDIES = ("dataset_size", "multilingual_xnli", "model_scale", "task_diversity", "architecture")


@pytest.mark.parametrize("study", STUDIES)
def test_each_study_has_a_grid_in_full_and_one_in_miniature_and_a_page(study: str) -> None:
    full, mini = load_grid(study), load_grid(f"mini_{study}")
    assert full.study == mini.study == study
    assert not any(row.synthetic for row in full.rows.values()) and all(row.synthetic for row in mini.rows.values())
    page = (Path(__file__).parents[2] / "docs" / "studies" / f"{study}.md").read_text("utf-8")
    assert f"--grid {study}" in page and f"--grid mini_{study}" in page


@pytest.mark.parametrize("name", [*STUDIES, "xtreme_r", "alternatives", *(f"mini_{study}" for study in STUDIES)])
def test_grid_is_planned_without_data_and_every_task_has_the_examples_it_is_asked_for(name: str) -> None:
    plan = nominal_plan(load_grid(name))
    sizes = sizes_of(plan, plan.digests)
    assert plan.studies and sizes.lacking(plan) == {}


def test_grids_of_the_benchmarks_have_all_of_their_targets() -> None:
    assert (len(load_grid("all").targets), len(load_grid("xtreme_r").targets)) == (9, 10)
    alternatives = {task for setting in load_grid("alternatives").intermediates for task in setting.tasks}
    assert {"xtreme_mlm", "xnli_all", "squad_v1_translated"} <= alternatives


def test_all_grid_pins_the_model_of_the_study_and_its_layer() -> None:
    grid = load_grid("all")
    (model,) = grid.models.values()
    assert (model.kind, model.source) == (SourceKind.HUB, "FacebookAI/xlm-roberta-large")
    assert (grid.retrieval.layer, grid.retrieval.pooling) == (14, "mean")
    assert (grid.search.trials, len(grid.seeds), grid.resources.gpu) == (9, 3, "auto")
