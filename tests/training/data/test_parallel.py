from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.data.conftest import Asked
from training.data.readers import READERS, ReadRequest, source_files
from training.errors import DataError, Faults
from training.tasks.registry import row

TEXTS, TATOEBA = READERS["text_lines"], READERS["tatoeba_lines"]


@pytest.fixture
def bitext(tmp_path: Path) -> ReadRequest:
    (tmp_path / "tatoeba" / "labels").mkdir(parents=True)
    (tmp_path / "tatoeba" / "de-en.de").write_text("zwei\ndrei\neins\n")
    (tmp_path / "tatoeba" / "de-en.en").write_text("one\nthree\ntwo\n")
    (tmp_path / "tatoeba" / "labels" / "test-de.tsv").write_text("2\n1\n0\n")
    return ReadRequest(row("tatoeba"), tmp_path, "test", "de")


def test_tatoeba_gold_maps_english_lines_to_the_other_side(bitext: ReadRequest) -> None:
    (only,) = TATOEBA(bitext)
    assert [(query, only.candidates[gold]) for query, gold in zip(only.queries, only.gold, strict=True)] == [
        ("one", "eins"),
        ("three", "drei"),
        ("two", "zwei"),
    ]
    assert [path.name for path in source_files(bitext)] == ["de-en.de", "de-en.en", "test-de.tsv"]


def test_tatoeba_without_labels_has_no_gold(bitext: ReadRequest) -> None:
    (bitext.root / "tatoeba" / "labels" / "test-de.tsv").unlink()
    assert TATOEBA(bitext)[0].gold is None
    assert len(source_files(bitext)) == 2


@pytest.mark.parametrize("labels", ["2\n1\n", "2\n1\n3\n", "2\n1\n-1\n", "2\n\n0\n", "2\n1\n0\n0\n"])
def test_tatoeba_labels_that_do_not_fit_are_faults(bitext: ReadRequest, labels: str) -> None:
    (bitext.root / "tatoeba" / "labels" / "test-de.tsv").write_text(labels)
    with pytest.raises(Faults, match=r"test-de\.tsv"):
        TATOEBA(bitext)


def test_tatoeba_empty_sentence_is_a_fault(bitext: ReadRequest) -> None:
    (bitext.root / "tatoeba" / "de-en.de").write_text("zwei\n\neins\n")
    with pytest.raises(Faults, match=r"de-en\.de:2: an empty sentence"):
        TATOEBA(bitext)


def test_tatoeba_missing_side_is_a_data_error(bitext: ReadRequest) -> None:
    (bitext.root / "tatoeba" / "de-en.en").unlink()
    with pytest.raises(DataError, match=r"de-en\.en"):
        TATOEBA(bitext)


def test_texts_pairs_and_blank_lines(asked: Asked) -> None:
    first, second = TEXTS(asked("alone\n\none\tother\n", "mini_mlm"))
    assert (first.text, first.second, second.text, second.second) == ("alone", "", "one", "other")
    assert first.id != second.id


def test_texts_faulty_pairs_are_reported_at_once(asked: Asked) -> None:
    with pytest.raises(Faults) as caught:
        TEXTS(asked("a\tb\tc\n\tb\nfine\n", "mini_mlm"))
    assert len(caught.value.faults) == 2
