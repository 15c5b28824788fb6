from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from training.data.files import content_digest, lines, locate, read_text
from training.errors import DataError


@pytest.mark.parametrize("place", ["a/b.tsv", "a/b.tsv.gz", "xtreme/a/b.tsv", "xtreme/a/b.tsv.gz"])
def test_locate_file_at_each_place_is_found(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert locate(tmp_path, "a/b.tsv") == tmp_path / place


def test_locate_file_missing_names_every_path_tried(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        locate(tmp_path, "a/b.tsv")
    for place in ("a/b.tsv", "a/b.tsv.gz", "xtreme/a/b.tsv", "xtreme/a/b.tsv.gz"):
        assert str(tmp_path / place) in caught.value.remedy
    assert caught.value.value == str(tmp_path)


def test_read_text_gzipped_and_plain_agree(tmp_path: Path) -> None:
    content = "één\r\ntwo\u2028 still two\n".encode()
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert read_text(tmp_path / "a") == read_text(tmp_path / "a.gz") == content.decode()
    assert content_digest(tmp_path / "a") == content_digest(tmp_path / "a.gz")


def test_read_text_byte_order_mark_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\n")
    assert read_text(tmp_path / "a") == "one\n"


def test_read_text_invalid_utf8_names_byte_and_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"fine\nfine\nca\xff\xfe\n")
    with pytest.raises(DataError, match=r"a:3: not UTF-8 at byte 12") as caught:
        read_text(tmp_path / "a")
    assert caught.value.value.startswith("ff fe")


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_read_text_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        read_text(tmp_path / name)


def test_read_text_gzip_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="empty"):
        read_text(tmp_path / "a.gz")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not gzip"])
def test_gzip_damaged_is_refused_by_reading_and_by_digest(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(bytes(range(256)) * 40)
    flipped = whole[:30] + bytes([whole[30] ^ 0xFF]) + whole[31:]
    (tmp_path / "a.gz").write_bytes({"truncated": whole[: len(whole) // 2], "flipped": flipped, "not gzip": b"plain"}[damage])
    for use in (read_text, content_digest):
        with pytest.raises(DataError, match="damaged gzip"):
            use(tmp_path / "a.gz")


def test_read_text_folder_in_its_place_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        read_text(tmp_path)


def test_lines_split_at_newline_alone() -> None:
    assert lines("a\r\nb\u2028c\x85d\x0be\n\nf") == ["a", "b\u2028c\x85d\x0be", "", "f"]
    assert lines("a\n") == ["a"]
    assert lines("") == []
