from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from training.data.comparable import bucc_files, read_bucc
from training.data.examples import Comparable
from training.data.loading import DataSource, data_digest, load
from training.data.request import ReadRequest
from training.errors import DataError, Faults
from training.tasks.retrieval_rows import BUCC2018


def write(root: Path, **files: str) -> None:
    (root / "bucc2018").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / "bucc2018" / f"de-en.{name.replace('_', '.')}").write_text(content, encoding="utf-8")


@pytest.fixture
def asked(tmp_path: Path) -> ReadRequest:
    write(tmp_path, dev_de="d1\teins\nd2\tzwei\tTab\n", dev_en="e1\ttwo\ne2\tone\ne3\tone\n", dev_gold="d1\te2\n")
    return ReadRequest(BUCC2018, tmp_path, "dev", "de")


def test_bucc_sides_and_gold_are_read_by_id(asked: ReadRequest) -> None:
    (text,) = read_bucc(asked)
    assert (text.ids, text.sentences) == (("d1", "d2"), ("eins", "zwei\tTab"))
    assert (text.english_ids, text.english) == (("e1", "e2", "e3"), ("two", "one", "one"))
    assert text.gold == {("d1", "e2")}


def test_bucc_without_gold_file_has_none(asked: ReadRequest) -> None:
    (asked.root / "bucc2018" / "de-en.dev.gold").unlink()
    assert read_bucc(asked)[0].gold is None
    assert [path.name for path in bucc_files(asked)] == ["de-en.dev.de", "de-en.dev.en"]


def test_bucc_test_score_depends_on_the_files_of_dev(asked: ReadRequest) -> None:
    write(asked.root, test_de="d9\tneun\n", test_en="e9\tnine\n")
    source = DataSource(row=BUCC2018, root=asked.root)
    before = data_digest(source, "test", ["de"])
    write(asked.root, dev_gold="d2\te1\n")
    assert data_digest(source, "test", ["de"]) != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dev_de", "d1\teins\nzwei\n", r"dev\.de:2: no id and sentence"),
        ("dev_en", "e1\ta\ne1\tb\n", r"dev\.en:2: an id that is used before"),
        ("dev_gold", "d1\te2\nd1\te9\n", r"dev\.gold:2: not a pair of known ids"),
        ("dev_gold", "d1\te2\nd1\te2\n", r"dev\.gold:2: a pair that stands before"),
    ],
)
def test_bucc_faults_name_file_and_line(asked: ReadRequest, name: str, content: str, message: str) -> None:
    write(asked.root, **{name: content})
    with pytest.raises(Faults, match=message):
        read_bucc(asked)


def test_bucc_missing_side_is_a_data_error(asked: ReadRequest) -> None:
    (asked.root / "bucc2018" / "de-en.dev.en").unlink()
    with pytest.raises(DataError, match=r"de-en\.dev\.en"):
        read_bucc(asked)


def test_bucc_compressed_files_are_found(asked: ReadRequest) -> None:
    for path in (asked.root / "bucc2018").iterdir():
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert read_bucc(asked)[0].gold == {("d1", "e2")}


def test_real_bucc_zh_dev_is_whole(real_root: Path) -> None:
    source = DataSource(row=BUCC2018, root=real_root)
    (text,) = load(source, "dev", "zh")
    assert isinstance(text, Comparable) and text.gold is not None
    assert (len(text.ids), len(text.english_ids), len(text.gold)) == (8624, 13589, 257)
    assert all(text.sentences) and all(text.english)
    with pytest.raises(DataError, match="no dev data in language 'de'"):
        load(source, "dev", "de")
