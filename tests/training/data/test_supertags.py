from __future__ import annotations

from pathlib import Path

import pytest

from training.data.loading import DataSource, load
from training.data.readers import ReadRequest, source_files
from training.data.supertags import with_labels
from training.errors import DataError, Faults
from training.tasks.registry import row

TAGS = "NP\nN\n(S[dcl]\\NP)/NP\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ccg").mkdir()
    (tmp_path / "ccg" / "train.tsv").write_text("Kim\tNP\nsaw\t(S[dcl]\\NP)/NP\nLee\tNP\n\ndogs\tN\n")
    (tmp_path / "ccg" / "supertags.txt").write_text(TAGS)
    return tmp_path


def test_supertags_are_the_lines_of_the_list_in_order(folder: Path) -> None:
    found = with_labels(row("ccg"), folder)
    assert found.labels == ("NP", "N", "(S[dcl]\\NP)/NP")
    assert with_labels(found, Path("elsewhere")) is found and with_labels(row("udpos"), folder) is row("udpos")


def test_supertagged_sentences_are_read_with_and_without_labels_in_the_row(folder: Path) -> None:
    expected = [("Kim", "saw", "Lee"), ("dogs",)]
    for found in (row("ccg"), with_labels(row("ccg"), folder)):
        sentences = load(DataSource(row=found, root=folder), "train", "en")
        assert [sentence.words for sentence in sentences] == expected
        assert [sentence.tags for sentence in sentences] == [(0, 2, 0), (1,)]


def test_supertag_list_is_among_the_files_that_name_the_data(folder: Path) -> None:
    request = ReadRequest(row("ccg"), folder, "train", "en")
    assert [path.name for path in source_files(request)] == ["train.tsv", "supertags.txt"]


@pytest.mark.parametrize("missing", ["train.tsv", "supertags.txt"])
def test_supertag_files_that_are_missing_have_a_message_that_says_who_supplies_them(folder: Path, missing: str) -> None:
    (folder / "ccg" / missing).unlink()
    for use in (source_files, lambda request: load(DataSource(row=request.row, root=folder), "train", "en")):
        with pytest.raises(DataError) as caught:
            use(ReadRequest(row("ccg"), folder, "train", "en"))
        assert missing in caught.value.cause
        assert "Linguistic Data Consortium" in caught.value.remedy and "word TAB supertag" in caught.value.remedy


def test_supertag_list_with_faults_reports_them_at_once(folder: Path) -> None:
    (folder / "ccg" / "supertags.txt").write_text("NP\n\nN\nNP\nA\tB\n")
    with pytest.raises(Faults) as caught:
        with_labels(row("ccg"), folder)
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == ["1", "2", "4", "5"]


def test_supertag_outside_the_list_is_a_fault(folder: Path) -> None:
    (folder / "ccg" / "supertags.txt").write_text("NP\nN\n")
    with pytest.raises(Faults, match=":2: a tag outside the task's set"):
        load(DataSource(row=row("ccg"), root=folder), "train", "en")
