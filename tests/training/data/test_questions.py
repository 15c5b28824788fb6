from __future__ import annotations

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS, remarks
from training.errors import Faults

READ = READERS["question_pairs_tsv"]
GLUE = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"


def test_questions_of_the_bimpm_split_are_unquoted(asked: Asked) -> None:
    first, second = READ(asked('1\t"Who said ""no""?"\tWhy "no"?\t7\n0\tA?\tB?\t9\n', "qqp"))
    assert (first.first, first.second, first.label, first.group) == ('Who said "no"?', 'Why "no"?', 1, first.first)
    assert (second.first, second.second, second.label) == ("A?", "B?", 0)


def test_questions_of_glue_may_hold_line_ends(asked: Asked) -> None:
    first, second = READ(asked(GLUE + '1\t2\t3\t"A\nB?"\tC?\t0\n4\t5\t6\tD?\tE?\t1\n', "qqp", "train"))
    assert (first.first, first.label, second.first, second.label) == ("A\nB?", 0, "D?", 1)


def test_questions_of_glues_test_file_have_no_labels(asked: Asked) -> None:
    (only,) = READ(asked("id\tquestion1\tquestion2\n0\tA?\tB?\n", "qqp", "test"))
    assert (only.first, only.second, only.label) == ("A?", "B?", None)
    with pytest.raises(Faults):
        READ(asked("id\tquestion1\tquestion2\n0\tA?\tB?\n", "qqp", "dev"))


def test_questions_with_damaged_bytes_are_read_and_counted(asked: Asked) -> None:
    request = asked(b"1\tca\xe2\x80?\tB?\t1\n0\tA?\tB?\t2\n", "qqp")
    assert [pair.first for pair in READ(request)] == ["ca\ufffd?", "A?"]
    assert list(remarks(request).values()) == [1]


def test_questions_several_faults_are_reported_at_once(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        READ(asked("2\tA?\tB?\t1\n1\tA?\tB?\n1\t \tB?\t1\n1\tA?\tB?\t1\textra\n", "qqp"))
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == ["1", "2", "3", "4"]


def test_questions_of_glue_with_an_open_quote_are_faulty(asked: Asked) -> None:
    with pytest.raises(Faults, match="not csv"):
        READ(asked(GLUE + '1\t2\t3\t"A?\tC?\t0\n4\t5\t6\tD?\tE?\t1\n', "qqp", "train"))
