"""Single inputs of the kinds that damage found, or that it would find too seldom."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.data.fuzz_disk import ROOT, Disk
from tests.training.data.fuzz_documents import DOCUMENTS, XQUAD_R, xquad_r
from tests.training.data.fuzz_lines import TAGS
from training.data.readers import ReadRequest, source_files
from training.errors import Faults
from training.tasks.registry import row


def refused(monkeypatch: pytest.MonkeyPatch, name: str, old: bytes, new: bytes) -> str:
    """What the reader says of a file with its first `old` replaced."""
    case, disk = DOCUMENTS[name], Disk(monkeypatch)
    content = case.files[case.damaged]
    assert old in content
    disk.files = {**case.files, case.damaged: content.replace(old, new, 1)}
    with pytest.raises(Faults) as raised:
        case.read(ROOT)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("mewsli-x, mentions", b'"m1"', b'"m0"', "an example_id that is used before"),
        ("mewsli-x, mentions", b'"D0"', b'"D0", "document_id": "D9"', "'document_id' twice"),
        ("mewsli-x, mentions", b'"D0"', b'"\\ud800"', "a document_id that is not text"),
        ("mewsli-x, mentions with gold", b'"Q1"', b"1", "an entity_id that is not text"),
        ("mewsli-x, labels", b'"m1": ["Q1"]', b'"m1": ["Q1"], "m1": ["Q2"]', "'m1' twice"),
        ("mewsli-x, labels", b'["Q1"]', b'["\\ud800"]', "not a list of one entity id"),
        ("mewsli-x, candidates", b'"sentence_spans": []', b'"sentence_spans": ' + b"9" * 5000, "a number that can't be read"),
        ("xquad-r", b'"t"', b'"t", "title": "u"', "'title' twice"),
        ("xquad-r", b'"0-0"', b"true", "no id of its own"),
        ("xquad-r", b'"t"', b'"\\ud800"', "a 'title' that is not text"),
    ],
)
def test_record_that_loses_or_spoils_something_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, name: str, old: bytes, new: bytes, said: str
) -> None:
    assert said in refused(monkeypatch, name, old, new)


def test_paragraph_without_sentences_is_a_fault_where_no_answer_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    document: Any = json.loads(xquad_r(gold=False))
    document["data"][0]["paragraphs"][0]["sentence_breaks"] = []
    disk = Disk(monkeypatch)
    disk.files = {XQUAD_R: json.dumps(document).encode()}
    with pytest.raises(Faults, match="no sentences"):
        DOCUMENTS["xquad-r without gold"].read(ROOT)


@pytest.mark.parametrize("files", [{"train": "my/train.tsv"}, {"dev": "my/dev.tsv"}])
def test_supertags_that_the_row_names_need_no_list(tmp_path: Path, files: dict[str, str]) -> None:
    ((split, relative),) = files.items()
    (tmp_path / "my").mkdir()
    (tmp_path / relative).write_text("Kim\tNP\n")
    own = replace(row("ccg"), files=files, labels=TAGS)
    assert source_files(ReadRequest(own, tmp_path, split, "en")) == [tmp_path / relative]
