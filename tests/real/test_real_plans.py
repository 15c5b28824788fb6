"""The grids on real data name files that are there, and cover every task that the folder has data for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces.reading import load_grid
from sweep.planning.needs import needed_splits
from sweep.sources import resolve_sources
from training.data.loading import data_digest
from training.tasks.registry import ROWS

GRIDS = ("real_small", "real_intermediates", "real_targets")
NO_DATA = {"snli", "anli_plus", "ccg", "xnli_all", "squad_v1_translated", "pawsx_translated", "xtreme_mlm", "mewslix"}
"""Tasks that the folder has nothing to learn from, or to score, for."""


@pytest.fixture
def data_folder() -> Path:
    folder = os.environ.get("SWEEP_DATA")
    if not folder:
        pytest.skip("SWEEP_DATA names no folder with real data")
    return Path(folder)


@pytest.mark.parametrize("name", GRIDS)
def test_real_grid_finds_every_file_that_it_names(name: str, data_folder: Path) -> None:
    grid = load_grid(name)
    sources = resolve_sources(grid, data_folder)
    for key, task, split, languages in needed_splits(grid, sources):
        assert data_digest(sources[task], split, languages), key


def test_real_grids_have_every_task_that_there_is_data_for() -> None:
    named = {task for name in GRIDS for task in load_grid(name).rows}
    assert {name for name, row in ROWS.items() if not row.synthetic} - named == NO_DATA
