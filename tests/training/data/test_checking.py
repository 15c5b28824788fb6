"""What is told of data that is not there."""

from __future__ import annotations

import json
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


def test_missing_files_of_one_task_are_one_fault_with_their_count_and_the_first_names(tmp_path: Path) -> None:
    languages = ("de", "fr", "zh", "ar", "bg", "el")
    told = faults(tmp_path, ("udpos", Split.TEST, languages), ("xquad", Split.TEST, ("de",)), ("udpos", Split.TRAIN, ("en",)))
    assert len(told) == 2
    assert "task udpos lacks 7 data files (test: de, fr, zh, ar and 2 other languages; train: en)" in told[0]
    assert "udpos/test-de.tsv, udpos/test-fr.tsv, udpos/test-zh.tsv, udpos/test-ar.tsv and 3 other files" in told[0]
    assert "limit the task's `languages`" in told[0] and "sweep data prepare" not in told[0]
    assert "task xquad has no test data in language 'de'" in told[1] and "xquad/xquad.de.json.gz" in told[1]


def test_missing_files_that_can_be_fetched_name_the_command(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, ("mnli", Split.TRAIN, ("en",)), ("mnli", Split.DEV, ("en",)))
    assert "task mnli lacks 2 data files (train: en; dev: en)" in told and "sweep data prepare mnli" in told
    assert "languages" not in told


def test_faults_inside_a_file_stay_beside_missing_ones(tmp_path: Path) -> None:
    (tmp_path / "udpos").mkdir()
    (tmp_path / "udpos" / "test-fr.tsv").write_text("word\tNOTATAG\nother\n", encoding="utf-8")
    told = faults(tmp_path, ("udpos", Split.TEST, ("de", "fr", "zh")))
    assert len(told) == 3
    assert sum("lacks 2 data files (test: de, zh)" in text for text in told) == 1


def test_a_missing_file_says_so_from_another_process() -> None:
    fault = MissingDataError("cause", "value", "remedy", task="t", split="dev", language="de", file="t/de.tsv")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.task, again.language) == (str(fault), "t", "de")


def written_xcopa(folder: Path, labels: list[int]) -> None:
    """Test examples of XCOPA with these labels."""
    (folder / "xcopa").mkdir(exist_ok=True)
    premise = {"choice1": "It rained.", "choice2": "It snowed.", "question": "cause"}
    lines = [json.dumps({"premise": f"Wet {n}.", **premise, "label": label, "idx": n}) for n, label in enumerate(labels)]
    (folder / "xcopa" / "test-et.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_split_without_gold_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    written_xcopa(tmp_path, [0] * 60)  # as XTREME-R blanks its test files
    (told,) = faults(tmp_path, ("xcopa", Split.TEST, ("et",)))
    assert "the test data of task xcopa in language 'et' carries no gold: '60 of 60 examples without'" in told
    assert "data.xcopa.scored_on" in told
    written_xcopa(tmp_path, [0] * 59 + [1])
    sources = {"xcopa": DataSource(row=row("xcopa"), root=tmp_path)}
    assert count_examples([("xcopa/scored", "xcopa", Split.TEST, ("et",))], sources, "the data") == {"xcopa/scored": 60}
