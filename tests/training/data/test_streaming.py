"""Large training sets are read one example at a time, with the examples and the faults of a whole read."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from training.data.checking import count_examples
from training.data.loading import DataSource, line_count, load, stream, streams
from training.errors import DataError, Faults
from training.tasks.registry import row
from training.tasks.row import Split

MNLI = replace(row("mnli"), files={"train": "train.tsv"}, hub=None)


def source(folder: Path, lines: int = 40, **changes: object) -> DataSource:
    text = "".join(f"premise {number // 3}\thypothesis {number} {'x' * 200}\tneutral\r\n" for number in range(lines))
    (folder / "train.tsv").write_text(text, encoding="utf-8")
    return DataSource(row=MNLI, root=folder, **changes)


def test_streamed_examples_are_those_of_a_whole_read(tmp_path: Path) -> None:
    found = source(tmp_path)
    assert streams(found, "train", "en")
    assert list(stream(found, "train", "en")) == load(found, "train", "en")
    assert line_count(found, "train", "en") == 40


@pytest.mark.parametrize("changes", [{"caps": {"train": 9}}, {"carve_dev": 0.2}])
def test_caps_and_carving_need_the_whole_file(tmp_path: Path, changes: dict[str, object]) -> None:
    found = source(tmp_path, **changes)
    assert not streams(found, "train", "en")
    assert list(stream(found, "train", "en")) == load(found, "train", "en")
    assert len(load(found, "train", "en")) < 40


def test_faults_come_after_the_last_example_and_all_at_once(tmp_path: Path) -> None:
    found = source(tmp_path)
    with (tmp_path / "train.tsv").open("a", encoding="utf-8") as file:
        file.write("only one column\na\tb\tmaybe\n")
    taken = []
    with pytest.raises(Faults) as raised:
        for example in stream(found, "train", "en"):
            taken.append(example)
    assert len(taken) == 40
    assert [fault.cause.rpartition("/")[2].split(":")[1] for fault in raised.value.faults] == ["41", "42"]


def test_an_empty_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        list(stream(DataSource(row=MNLI, root=tmp_path), "train", "en"))


def test_counting_a_large_file_takes_no_memory_in_proportion(tmp_path: Path) -> None:
    def most(lines: int) -> int:
        found = source(tmp_path, lines)
        tracemalloc.start()
        counts = count_examples([("mnli/train", "mnli", Split.TRAIN, ("en",))], {"mnli": found}, "the data")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert counts == {"mnli/train": lines}
        return peak

    assert most(20_000) < 2 * most(2_000)
