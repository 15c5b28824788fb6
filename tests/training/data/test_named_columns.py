from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.readers import READERS, ReadRequest
from training.data.squad import WITHHELD
from training.errors import DataError, Faults
from training.tasks.registry import row
from training.tasks.row import Kind, TaskRow

READ = READERS["columns"]
NLI = {"first": "premise", "second": "hypothesis", "label": "label"}


def task(kind: Kind, columns: dict[str, str], name: str, labels: tuple[str, ...] = ()) -> TaskRow:
    files = {split: name for split in ("train", "dev", "test")}
    return replace(row("mnli"), name="own", kind=kind, reader="columns", files=files, columns=columns, labels=labels)


def asked(folder: Path, content: str, found: TaskRow, split: str = "dev") -> ReadRequest:
    (folder / found.files[split]).write_bytes(content.encode())
    return ReadRequest(found, folder, split, "en")


def nli(name: str = "own.tsv") -> TaskRow:
    return task(Kind.CLASSIFICATION, NLI, name, row("mnli").labels)


def test_columns_of_a_tsv_are_found_by_its_header_and_quotes_are_text(tmp_path: Path) -> None:
    content = 'language\tpremise\thypothesis\tlabel\naym\t"A" b\t"C\tneutral\naym\tD\tE\t1\n'
    first, second = READ(asked(tmp_path, content, nli()))
    assert (first.first, first.second, first.label, first.group) == ('"A" b', '"C', 2, '"A" b')
    assert second.label == 1 and first.id != second.id


def test_columns_of_csv_json_lines_and_parquet_agree(tmp_path: Path) -> None:
    records = [{"premise": 'A, "b"\nc', "hypothesis": "D", "label": "neutral"}, {"premise": "E", "hypothesis": "F", "label": 0}]
    csv = 'premise,hypothesis,label\n"A, ""b""\nc",D,neutral\nE,F,0\n'
    jsonl = "".join(json.dumps(record) + "\n" for record in records)
    pq.write_table(
        pa.Table.from_pylist([{**record, "label": str(record["label"])} for record in records[:1]]), tmp_path / "own.parquet"
    )
    found = [READ(asked(tmp_path, content, nli(name))) for content, name in ((csv, "own.csv"), (jsonl, "own.jsonl"))]
    assert found[0] == found[1] and [example.label for example in found[0]] == [2, 0]
    assert READ(ReadRequest(nli("own.parquet"), tmp_path, "dev", "en")) == found[0][:1]


def test_columns_inside_objects_and_lists_of_columns(tmp_path: Path) -> None:
    record = {"q": {"stem": "Why?"}, "a": "x", "b": "y", "gold": 1}
    own = task(Kind.CHOICE, {"context": "q.stem", "endings": "a,b", "label": "gold"}, "own.jsonl")
    (only,) = READ(asked(tmp_path, json.dumps(record), own))
    assert (only.context, only.endings, only.label) == ("Why?", ("x", "y"), 1)


def test_columns_of_tagging_are_lists_or_spaced_texts(tmp_path: Path) -> None:
    columns, labels = {"words": "tokens", "tags": "ner"}, ("O", "B-PER")
    listed = json.dumps({"tokens": ["a b", "Kim"], "ner": ["O", 1]})
    (first,) = READ(asked(tmp_path, listed, task(Kind.TAGGING, columns, "own.jsonl", labels)))
    (second,) = READ(asked(tmp_path, "tokens\tner\na Kim\tO 1\n", task(Kind.TAGGING, columns, "own.tsv", labels)))
    assert (first.words, first.tags) == (("a b", "Kim"), (0, 1)) and (second.words, second.tags) == (("a", "Kim"), (0, 1))
    with pytest.raises(Faults, match=r"own.tsv:2: 1 tags for 2 words"):
        READ(asked(tmp_path, "tokens\tner\na Kim\tO\n", task(Kind.TAGGING, columns, "own.tsv", labels)))


def test_columns_of_spans_hold_answers_as_squad_does(tmp_path: Path) -> None:
    own = task(Kind.SPAN, {name: name for name in ("id", "question", "context", "answers")}, "own.jsonl")
    record = {"id": "q", "question": "Who?", "context": "Kim ran.", "answers": {"text": ["Kim"], "answer_start": [0]}}
    assert READ(asked(tmp_path, json.dumps(record), own))[0].answers[0].text == "Kim"
    record["answers"] = {"text": ["ran"], "answer_start": [3]}
    with pytest.raises(Faults, match=r"own.jsonl:1: the answer does not stand at 3"):
        READ(asked(tmp_path, json.dumps(record), own))
    del record["answers"]
    assert READ(asked(tmp_path, json.dumps(record), own, "test"))[0].answers == WITHHELD


@pytest.mark.parametrize("label", ["", "-1"])
def test_columns_gold_may_be_missing_in_test_alone(tmp_path: Path, label: str) -> None:
    content = f"premise\thypothesis\tlabel\nA\tB\t{label}\n"
    assert READ(asked(tmp_path, content, nli(), "test"))[0].label is None
    with pytest.raises(Faults, match=r"own.tsv:2: a label outside the task's set"):
        READ(asked(tmp_path, content, nli()))
    assert READ(asked(tmp_path, "premise\thypothesis\nA\tB\n", nli(), "test"))[0].label is None
    with pytest.raises(DataError, match="the data file has no column label") as raised:
        READ(asked(tmp_path, "premise\thypothesis\nA\tB\n", nli()))
    assert raised.value.remedy == "correct the columns of the row"


def test_columns_of_a_bitext_pair_each_query_with_the_candidate_beside_it(tmp_path: Path) -> None:
    own = task(Kind.RETRIEVAL, {"queries": "en", "candidates": "gn"}, "own.csv")
    (bitext,) = READ(asked(tmp_path, 'en,gn\n"a, b",c\nd,e\n', own, "test"))
    assert (bitext.queries, bitext.candidates, bitext.gold) == (("a, b", "d"), ("c", "e"), (0, 1))
    with pytest.raises(Faults, match=r"own.csv:3: no text in column 'gn'"):
        READ(asked(tmp_path, "en,gn\na,b\nd,\n", own, "test"))


def test_columns_labels_that_are_numbers_mean_themselves(tmp_path: Path) -> None:
    own = task(Kind.CLASSIFICATION, {"first": "t", "label": "l"}, "own.tsv", ("1", "2", "3"))
    assert [item.label for item in READ(asked(tmp_path, "t\tl\na\t1\nb\t3\n", own))] == [0, 2]
    with pytest.raises(Faults, match="a label outside"):
        READ(asked(tmp_path, "t\tl\na\t0\n", own))


def test_columns_faults_name_every_line(tmp_path: Path) -> None:
    with pytest.raises(Faults) as caught:
        READ(asked(tmp_path, "premise\thypothesis\tlabel\nA\tB\tmaybe\nA\tB\tneutral\n\tB\tneutral\nA\tB\t7\n", nli()))
    assert [fault.cause.split(":")[1] for fault in caught.value.faults] == ["2", "4", "5"]
    with pytest.raises(Faults, match=r"own.tsv:3: 2 columns, not 3"):
        READ(asked(tmp_path, "premise\thypothesis\tlabel\nA\tB\tneutral\nA\tB\n", nli()))


@pytest.mark.parametrize("content", ["premise\tpremise\tlabel\na\tb\tneutral\n", "premise\t\tlabel\na\tb\tneutral\n"])
def test_columns_header_with_faults_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(Faults, match=r"own.tsv:1: a header"):
        READ(asked(tmp_path, content, nli()))


@pytest.mark.parametrize("content", ["", "PAR1", "x" * 100])
def test_columns_of_no_parquet_are_a_data_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError):
        READ(asked(tmp_path, content, nli("own.parquet")))


def test_columns_of_an_unknown_kind_of_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no known kind"):
        READ(asked(tmp_path, "a", nli("own.txt")))


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, TEXT, st.integers(0, 2)), min_size=1, max_size=8))
def test_columns_of_every_format_give_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("own")
    labels = row("mnli").labels
    records = [{"premise": first, "hypothesis": second, "label": labels[label]} for first, second, label in rows]
    quoted = [",".join('"' + str(value).replace('"', '""') + '"' for value in record.values()) for record in records]
    tabbed = ["\t".join(record.values()) for record in records]
    pq.write_table(pa.Table.from_pylist(records), folder / "own.parquet")
    contents = {
        "own.tsv": "\n".join(["premise\thypothesis\tlabel", *tabbed]),
        "own.csv": "\r\n".join(["premise,hypothesis,label", *quoted]),
        "own.jsonl": "\n".join(json.dumps(record) for record in records),
    }
    read = [READ(asked(folder, content, nli(name))) for name, content in contents.items()]
    read.append(READ(ReadRequest(nli("own.parquet"), folder, "dev", "en")))
    assert all([(item.first, item.second, item.label) for item in found] == rows for found in read)


def test_columns_read_americas_nli(real_root: Path) -> None:
    languages = tuple("aym bzd cni gn hch nah oto quy shp tar".split())
    files = {split: f"americasnli/{split}/{{lang}}.tsv" for split in ("dev", "test")}
    own = replace(nli(), files=files, languages=languages)
    for language in languages:
        pairs = READ(ReadRequest(own, real_root, "dev", language))
        assert len(pairs) == len((real_root / f"americasnli/dev/{language}.tsv").read_text().splitlines()) - 1
        assert {pair.label for pair in pairs} == {0, 1, 2}
