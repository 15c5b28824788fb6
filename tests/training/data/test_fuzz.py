"""Damaged files: each gives a fault of the user's, or every record that is still in it; never another error, never fewer."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.data import mutations
from tests.training.data.fuzz_cases import CASES, OWN_TSV, PAIRS
from tests.training.data.fuzz_forms import BY_BYTE, Case
from training.data import files
from training.data.examples import Choices, Question, Sentences, Tagged, Text
from training.data.readers import READERS, ReadRequest
from training.errors import UserError
from training.tasks.registry import row
from training.tasks.row import Kind, TaskRow

pytestmark = pytest.mark.slow
INPUTS = 10_000


class Memory:
    """Stands in for the disk: one file, whose name ends in .gz where its content begins as gzip does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.content = b""
        monkeypatch.setattr(files, "opened", lambda path: self._open(path))

    def _open(self, path: Path) -> Any:
        stream = io.BytesIO(self.content)
        return gzip.open(stream, "rb") if path.suffix == ".gz" else stream


def unpacked(content: bytes) -> bytes:
    return gzip.decompress(content)


def sound(examples: Sequence[Any], found: TaskRow) -> bool:
    """Whether each example is what its class says."""
    return all(_sound(example, len(found.labels)) for example in examples)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.encode() is not None


def _sound(example: Any, labels: int) -> bool:
    match example:
        case Sentences():
            fine = _text(example.first) and _text(example.second) and (example.label is None or 0 <= example.label < labels)
        case Choices():
            texts = [example.context, *example.endings]
            fine = all(map(_text, texts)) and (example.label is None or 0 <= example.label < len(example.endings))
        case Tagged():
            tagged = example.tags is None or (
                len(example.tags) == len(example.words) and all(0 <= tag < labels for tag in example.tags)
            )
            fine = tagged and all(isinstance(word, str) and word for word in example.words)
        case Question():
            stand = all(example.context.startswith(answer.text, answer.start) and answer.text for answer in example.answers)
            fine = _text(example.question) and _text(example.context) and stand
        case Text():
            fine = _text(example.text) and (not example.second or _text(example.second))
        case _:
            fine = False
    return fine and _text(example.id) and isinstance(example.group, str) and example.group.encode() is not None


def outcome(case: Case, found: TaskRow, content: bytes, packed: bool, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the content was accepted; fails the test on another error than a user's, and on a wrong number of records."""
    memory.content = content
    path = Path("/data") / (case.name + ".gz" if packed else case.name)
    monkeypatch.setattr(ReadRequest, "path", lambda request: path)
    request = ReadRequest(found, Path("/data"), case.split, "en")
    try:
        examples = READERS[found.reader](request)
    except UserError as fault:
        assert str(fault).strip()
        return False
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} on {content!r}") from error
    plain = unpacked(content) if packed else content
    assert len(examples) == case.count(plain), plain
    if case.words is not None:
        assert sum(len(example.words) for example in examples if isinstance(example, Tagged)) == case.words(plain), plain
    assert sound(examples, found), plain
    assert case.split == "train" or len({example.id for example in examples}) == len(examples)
    return True


@pytest.mark.parametrize("name", CASES)
def test_damaged_file_is_a_fault_or_read_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    found = case.row or row(case.task)
    dice = random.Random(zlib.crc32(name.encode()))
    memory = Memory(monkeypatch)
    assert outcome(case, found, case.content, False, memory, monkeypatch), "the file as it was is not accepted"
    accepted = 0
    for _ in range(INPUTS):
        mutate = dice.choice(case.kinds)
        content = mutate(case.content, dice)
        if mutate is not mutations.gzip_damaged and dice.random() < 0.3:
            content = dice.choice(BY_BYTE[:5])(content, dice) if content else content
        accepted += outcome(case, found, content, mutate is mutations.gzip_damaged, memory, monkeypatch)
    assert 0.01 * INPUTS < accepted < 0.9 * INPUTS, f"{accepted} of {INPUTS} were accepted"


def test_damaged_parquet_is_a_fault_or_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"premise": one, "hypothesis": two, "label": label} for one, two, label in PAIRS]
    table = pa.Table.from_pylist(records)
    pq.write_table(table, tmp_path / "file.parquet", write_page_checksum=True, compression="zstd")
    content = (tmp_path / "file.parquet").read_bytes()
    found = replace(OWN_TSV, files={"dev": "file.parquet"})
    case = Case("own", content, lambda plain: len(records), name="file.parquet")
    memory, dice = Memory(monkeypatch), random.Random(5)
    assert outcome(case, found, content, False, memory, monkeypatch)
    for _ in range(INPUTS):
        mutate = dice.choice((mutations.flipped, mutations.deleted, mutations.inserted, mutations.cut))
        outcome(case, found, mutate(content, dice), False, memory, monkeypatch)


def test_kinds_of_task_are_all_damaged() -> None:
    readers = {(case.row or row(case.task)).reader for case in CASES.values()}
    others = {"tatoeba_lines", "bucc_tsv", "xquad_r_json", "mewslix_jsonl", "supertag_tsv"}
    assert set(READERS) == readers | others
    assert {(case.row or row(case.task)).kind for case in CASES.values()} == set(Kind) - {Kind.RETRIEVAL}
