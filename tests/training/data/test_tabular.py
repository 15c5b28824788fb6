from __future__ import annotations

import gzip

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS
from training.errors import DataError, Faults
from training.tasks.registry import row

PAIRS, TAGS = READERS["sentence_pair_tsv"], READERS["tagged_tsv"]


def test_pairs_crlf_and_csv_quoting_are_undone(asked: Asked) -> None:
    first, second = PAIRS(asked('"He said ""no"" ."\tplain "mid" quote\t1\r\n"a\tb" c\t0\r\n', "pawsx"))
    assert (first.first, first.second, first.label) == ('He said "no" .', 'plain "mid" quote', 1)
    assert (second.first, second.second, second.label) == ('"a', 'b" c', 0)
    assert first.id != second.id and first.group == first.first


def test_pairs_first_published_label_is_accepted(asked: Asked) -> None:
    (only,) = PAIRS(asked("a\tb\tcontradictory\n", "mnli"))
    assert row("mnli").labels[only.label] == "contradiction"


def test_pairs_blank_test_file_has_no_labels(asked: Asked) -> None:
    assert [pair.label for pair in PAIRS(asked("a\tb\nc\td\n", "xnli", "test", "de"))] == [None, None]


@pytest.mark.parametrize("split", ["train", "dev"])
def test_pairs_without_labels_outside_test_are_faults(asked: Asked, split: str) -> None:
    with pytest.raises(Faults, match="2 columns, not 3"):
        PAIRS(asked("a\tb\n", "xnli", split))


def test_pairs_several_faults_are_reported_at_once_with_lines(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        PAIRS(asked("a\tb\tneutral\na\tb\ttrue\na\tb\tc\tneutral\n \tb\tneutral\n\n", "mnli"))
    faults = caught.value.faults
    assert [fault.cause.split(":")[1] for fault in faults] == ["2", "3", "4", "5"]
    assert faults[0].value == "true" and "entailment" in faults[0].remedy
    assert all(isinstance(fault, DataError) and fault.remedy for fault in faults)


def test_pairs_many_faults_list_twenty_and_count_the_rest(asked: Asked) -> None:
    with pytest.raises(Faults, match=r"20 faults in .*\(and 37 more, not listed\)") as caught:
        PAIRS(asked("a\tb\tnope\n" * 57, "mnli"))
    assert len(caught.value.faults) == 20


def test_pairs_truncated_gzip_is_a_data_error(asked: Asked) -> None:
    content = gzip.compress(b"a\tb\tneutral\n" * 50)[:-6]
    with pytest.raises(DataError, match="damaged gzip"):
        PAIRS(asked(content, "mnli", name="file.txt.gz"))


@pytest.mark.parametrize("task", ["mnli", "panx", "squad_v1", "hellaswag", "xcopa", "mini_mlm"])
def test_reader_empty_file_or_invalid_utf8_is_a_data_error(asked: Asked, task: str) -> None:
    for content, cause in ((b"", "empty"), (b"\xff\xfe", "not UTF-8")):
        with pytest.raises(DataError, match=cause):
            READERS[row(task).reader](asked(content, task))


@pytest.mark.parametrize("task", ["mnli", "panx", "squad_v1", "hellaswag", "xcopa", "mini_mlm"])
def test_reader_file_of_blank_lines_is_faulty(asked: Asked, task: str) -> None:
    with pytest.raises(Faults):
        READERS[row(task).reader](asked("\n\n", task))


def test_reader_missing_language_is_named(asked: Asked) -> None:
    request = asked("x", "xnli", "dev", "sw")
    (request.root / "file.txt").unlink()
    with pytest.raises(DataError, match="task xnli has no dev data in language 'sw'"):
        PAIRS(request)


def test_reader_unknown_language_or_split_is_refused(asked: Asked) -> None:
    with pytest.raises(DataError, match="no language 'nl'"):
        PAIRS(asked("x", "xnli", "dev", "nl"))
    request = asked("x", "xnli", "test", "de")
    with pytest.raises(DataError, match="no train file") as caught:
        PAIRS(type(request)(request.row, request.root, "train", "en"))
    assert "mnli" in caught.value.remedy


def test_tagged_words_keep_odd_white_space(asked: Asked) -> None:
    first, second = TAGS(asked("a\u00a0b\tB-PER\n\u2028c\tI-PER\n\nd\tO\n\n\n", "panx"))
    assert first.words == ("a\u00a0b", "\u2028c")
    assert [row("panx").labels[tag] for tag in first.tags] == ["B-PER", "I-PER"]
    assert second.words == ("d",)


def test_tagged_blank_test_file_has_no_tags(asked: Asked) -> None:
    first, second = TAGS(asked("a\nb\n\nc\n", "udpos", "test", "de"))
    assert (first.words, first.tags, second.words) == (("a", "b"), None, ("c",))


def test_tagged_without_tags_outside_test_is_faulty(asked: Asked) -> None:
    with pytest.raises(Faults, match="1 columns, not 2"):
        TAGS(asked("a\nb\n\n", "udpos"))


def test_tagged_several_faults_are_reported_at_once(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        TAGS(asked("a\tO\n \tO\nb\tB-MISC\n\n\nc\tO\tO\nd\t\n", "panx"))
    found = [fault.cause.split(":", 1)[1] for fault in caught.value.faults]
    assert found == [
        "2: an empty word",
        "3: a tag outside the task's set",
        "5: an empty sentence",
        "6: 3 columns, not 2",
        "7: a tag outside the task's set",
    ]


def test_tagged_leading_blank_line_is_faulty(asked: Asked) -> None:
    with pytest.raises(Faults, match="1: an empty sentence"):
        TAGS(asked("\na\tO\n", "panx"))
