from __future__ import annotations

from pathlib import Path

import pytest

from training.data.loading import DataSource, load
from training.metrics.scores import gold_of
from training.tasks.registry import ROWS
from training.tasks.row import Kind, TaskRow
from training.world import write_world

MINI = [row for row in ROWS.values() if row.synthetic]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini") / "world"
    write_world(folder)
    return folder


@pytest.mark.parametrize("row", MINI, ids=[row.name for row in MINI])
def test_mini_row_reads_every_split_in_every_language_with_gold(world: Path, row: TaskRow) -> None:
    source = DataSource(row=row, root=world)
    for split in row.files:
        for language in ("en",) if split == "train" else row.languages:
            examples = load(source, split, language)
            assert len({example.id for example in examples}) == len(examples) > 0
            if row.kind is not Kind.MLM:
                assert gold_of(row, examples)
