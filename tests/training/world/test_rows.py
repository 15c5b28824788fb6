"""Every row of the mini world is read by the readers of the real tasks, in every split and language."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.loading import DataSource, load
from training.tasks.mini_rows import MINI_ROWS
from training.tasks.row import Split, TaskRow

CARVED = {"mini_tydiqa"}
"""Tasks without a dev file, as the real ones."""


def splits(row: TaskRow) -> list[tuple[str, str]]:
    """(split, language) of everything that a row has."""
    names = [*dict.fromkeys(name for part in row.parts or (row,) for name in part.files)]
    if row.name in CARVED:
        names.insert(1, Split.DEV)
    if row.parts:
        names = [name for name in names if name != Split.TEST]
    found = []
    for name in names:
        if name == Split.TRAIN:
            codes = row.train_languages
        else:
            several = row.name in CARVED or any("{lang}" in part.files.get(name, "") for part in row.parts or (row,))
            codes = row.languages if several and not (row.name in CARVED and name == Split.DEV) else ("en",)
        found += [(name, code) for code in codes]
    return found


@pytest.mark.parametrize("row", MINI_ROWS, ids=lambda row: row.name)
def test_mini_row_is_read_in_every_split_and_language(world: Path, row: TaskRow) -> None:
    for split, language in splits(row):
        source = DataSource(row=row, root=world, carve_dev=0.1 if row.name in CARVED and split != Split.TEST else 0.0)
        examples = load(source, split, language)
        assert examples
        assert len({example.id for example in examples}) == len(examples)


def test_mini_rows_are_synthetic_and_nobody_elses(world: Path) -> None:
    assert all(row.synthetic and row.hub is None and not row.counts for row in MINI_ROWS)
    assert len({row.name for row in MINI_ROWS}) == len(MINI_ROWS)
    names = {row.name for row in MINI_ROWS}
    assert {name for row in MINI_ROWS for name in (row.train_on, row.train_first) if name} <= names


def test_no_file_of_the_world_is_left_without_a_row(world: Path) -> None:
    said = {"README.txt", "SYNTHETIC"}
    beside = ("tatoeba/labels/", "bucc2018/", "mewslix/", "ccg/supertags.txt", "mlm/", "corpus/")
    named = {
        part.files[split].format(lang=language)
        for row in MINI_ROWS
        for part in row.parts or (row,)
        for split in part.files
        for language in (*row.languages, "en")
    }
    files = {str(path.relative_to(world)) for path in world.rglob("*") if path.is_file()}
    assert {name for name in files - named - said if not name.startswith(beside)} == {
        f"tatoeba/{code}-en.en" for code in world_languages()
    }


def world_languages() -> tuple[str, ...]:
    return next(row.languages for row in MINI_ROWS if row.name == "mini_tatoeba")
