from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.world.test_rows import CARVED, splits
from training.data.loading import DataSource, load
from training.metrics.scores import gold_of
from training.tasks.registry import ROWS
from training.tasks.row import Kind, TaskRow
from training.world.files import write_world

MINI = [row for row in ROWS.values() if row.synthetic and row.kind not in (Kind.MLM, Kind.RETRIEVAL)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini") / "world"
    write_world(folder)
    return folder


@pytest.mark.parametrize("row", MINI, ids=[row.name for row in MINI])
def test_mini_row_has_gold_in_every_split_and_language(world: Path, row: TaskRow) -> None:
    source = DataSource(row=row, root=world, carve_dev=0.1 if row.name in CARVED else 0.0)
    for split, language in splits(row):
        examples = load(source, split, language)
        assert len(gold_of(row, examples)) == len(examples) > 0
