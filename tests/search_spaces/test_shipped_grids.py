"""The grids that are shipped can be read, say what they are, and name only what exists."""

from __future__ import annotations

import pytest

from search_spaces.catalogue import abouts, grids
from search_spaces.reading import load_grid
from search_spaces.sources import SourceKind


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


def test_all_grid_pins_the_model_of_the_study_and_its_layer() -> None:
    grid = load_grid("all")
    (model,) = grid.models.values()
    assert (model.kind, model.source) == (SourceKind.HUB, "FacebookAI/xlm-roberta-large")
    assert (grid.retrieval.layer, grid.retrieval.pooling) == (14, "mean")
    assert (grid.search.trials, len(grid.seeds), grid.resources.gpu) == (9, 3, "auto")
