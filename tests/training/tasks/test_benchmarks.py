from __future__ import annotations

import pytest

from training.tasks.benchmarks import BENCHMARKS, MINI, XTREME, XTREME_R, namesake
from training.tasks.mini_rows import MINI_ROWS
from training.tasks.registry import row


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_languages_are_those_of_its_rows(name: str) -> None:
    for task in BENCHMARKS[name].tasks.values():
        assert set(row(task.row).languages) == set(task.languages), task.folder
        assert row(task.row).target


def test_benchmark_sizes_are_the_official_ones() -> None:
    sizes = {
        name: [len(task.languages) for task in found.tasks.values()] for name, found in BENCHMARKS.items() if name != "mini"
    }
    assert sizes == {"xtreme": [15, 7, 33, 40, 11, 7, 9, 4, 36], "xtreme-r": [15, 11, 38, 48, 12, 7, 9, 41, 11, 11]}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_groups_hold_its_scored_folders(name: str) -> None:
    found = BENCHMARKS[name]
    grouped = {folder for folders in found.groups.values() for folder in folders}
    assert grouped == {folder for folder, task in found.tasks.items() if task.scored}


def test_benchmark_extensions_follow_the_kind_of_prediction() -> None:
    extensions = {namesake(task.folder): task.extension for found in BENCHMARKS.values() for task in found.tasks.values()}
    assert {folder for folder, extension in extensions.items() if extension == "json"} == {
        "xquad",
        "mlqa",
        "tydiqa",
        "mewslix",
        "lareqa",
    }
    assert extensions["xcopa"] == "jsonl" and extensions["tatoeba"] == "tsv"


def test_mini_benchmark_has_every_target_of_the_mini_world_and_no_folder_of_a_real_one() -> None:
    assert set(MINI.tasks) == {row.name for row in MINI_ROWS if row.target}
    assert not set(MINI.tasks) & {*XTREME.tasks, *XTREME_R.tasks}
    assert {namesake(name) for name in MINI.tasks} == {*XTREME.tasks, *XTREME_R.tasks}
