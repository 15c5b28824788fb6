"""What is told of data that is not there."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from training.data.checking import count_examples
from training.data.loading import DataSource
from training.errors import Faults, MissingDataError
from training.tasks.registry import row
from training.tasks.row import Split


def faults(folder: Path, *splits: tuple[str, Split, tuple[str, ...]]) -> list[str]:
    sources = {task: DataSource(row=row(task), root=folder) for task, _, _ in splits}
    with pytest.raises(Faults) as raised:
        count_examples([(f"{task}/{split}", task, split, languages) for task, split, languages in splits], sources, "the data")
    assert all(fault.remedy for fault in raised.value.faults)
    return [str(fault) for fault in raised.value.faults]


def test_missing_files_of_one_split_are_one_fault_that_names_the_languages(tmp_path: Path) -> None:
    told = faults(tmp_path, ("udpos", Split.TEST, ("de", "fr", "zh")), ("udpos", Split.TRAIN, ("en",)))
    assert len(told) == 2
    assert "task udpos has no test data in 3 languages" in told[0] and "de, fr, zh" in told[0]
    assert "udpos/test-de.tsv to udpos/test-zh.tsv" in told[0]
    assert "task udpos has no train data in language 'en'" in told[1] and "udpos/train-en.tsv.gz" in told[1]


def test_faults_inside_a_file_stay_beside_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "udpos").mkdir()
    (tmp_path / "udpos" / "test-fr.tsv").write_text("word\tNOTATAG\nother\n", encoding="utf-8")
    told = faults(tmp_path, ("udpos", Split.TEST, ("de", "fr", "zh")))
    assert len(told) == 3
    assert sum("in 2 languages" in text for text in told) == 1


def test_a_missing_file_says_so_from_another_process() -> None:
    fault = MissingDataError("cause", "value", "remedy", task="t", split="dev", language="de", file="t/de.tsv")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.task, again.language) == (str(fault), "t", "de")
