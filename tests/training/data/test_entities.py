from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from training.data.entities import candidates_path, mewslix_files, read_entities, read_mewslix
from training.data.request import ReadRequest
from training.errors import DataError, Faults
from training.tasks.retrieval_rows import MEWSLIX

TEXT = "It rained.\nThe {old} verdict  came for Smith, at last. It shone."
START = TEXT.index("Smith")


def span(start: int, end: int) -> dict[str, int]:
    return {"start": start, "end": end}


def context(**changes: Any) -> dict[str, Any]:
    second = TEXT.index("The")
    third = TEXT.index("It shone")
    spans = [span(0, second - 1), span(second, third - 1), span(third, len(TEXT))]
    return {"document_id": "D1", "language": "de", "text": TEXT, "sentence_spans": spans} | changes


def mention(**changes: Any) -> dict[str, Any]:
    return {"example_id": "m1", "entity_id": "Q1", "mention_span": span(START, START + 5) | {"text": "Smith"}} | changes


def entity(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"entity_id": f"Q{number}", "title": "t", "description": f"Entity\n {number}.", "sentence_spans": []} | changes


def write(root: Path, name: str, *records: Any) -> None:
    path = root / "mewslix" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def pairs(root: Path, *records: Any, split: str = "dev") -> ReadRequest:
    write(root, f"wikipedia_pairs-{split}.jsonl", *records)
    return ReadRequest(MEWSLIX, root, split, "en")


def pair(**changes: Any) -> dict[str, Any]:
    return {"contextual_mention": {"context": context(), "mention": mention()}, "entity": entity()} | changes


@pytest.fixture
def articles(tmp_path: Path) -> ReadRequest:
    both = [mention(entity_id=""), mention(example_id="m2", entity_id="Q7")]
    write(tmp_path, "wikinews_mentions/test-de.jsonl", {"context": context(), "mentions": both})
    write(tmp_path, "candidate_set_entities.jsonl", entity(1), entity(2))
    return ReadRequest(MEWSLIX, tmp_path, "test", "de")


def test_mewslix_pair_has_its_sentence_with_the_mention_marked(tmp_path: Path) -> None:
    (found,) = read_mewslix(pairs(tmp_path, pair()))
    assert found.text == "Smith: The (old) verdict came for { Smith } , at last."
    assert (found.id, found.entity, found.description, found.group) == ("m1", "Q1", "Entity 1.", "D1")


def test_mewslix_mention_across_sentences_has_both(tmp_path: Path) -> None:
    wide = span(START, TEXT.index("It shone") + 2) | {"text": "Smith, at last. It"}
    crossing = {"context": context(), "mention": mention(mention_span=wide)}
    (found,) = read_mewslix(pairs(tmp_path, pair(contextual_mention=crossing)))
    assert found.text == "Smith, at last. It: The (old) verdict came for { Smith, at last. It } shone."
    bare = {"context": context(sentence_spans=[]), "mention": mention()}
    assert read_mewslix(pairs(tmp_path, pair(contextual_mention=bare)))[0].text.startswith("Smith: It rained. The (old)")


def test_mewslix_articles_take_gold_from_labels_or_from_their_mentions(articles: ReadRequest) -> None:
    assert [(item.id, item.entity, item.description) for item in read_mewslix(articles)] == [("m1", None, ""), ("m2", "Q7", "")]
    write(articles.root, "wikinews_labels/test-de.json", {"m1": ["Q2"], "m2": [""]})
    assert [item.entity for item in read_mewslix(articles)] == ["Q2", None]
    assert [path.name for path in mewslix_files(articles)] == [
        "test-de.jsonl",
        "test-de.json",
        "candidate_set_entities.jsonl",
    ]


def test_mewslix_pairs_have_no_candidate_set(tmp_path: Path) -> None:
    request = pairs(tmp_path, pair())
    assert candidates_path(request) is None and mewslix_files(request) == [request.path()]


def test_mewslix_missing_candidate_set_is_a_data_error(articles: ReadRequest) -> None:
    (articles.root / "mewslix" / "candidate_set_entities.jsonl").unlink()
    with pytest.raises(DataError, match="candidate_set_entities"):
        mewslix_files(articles)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "no object 'line'"),
        (pair(entity=entity(2)), "a mention of another entity"),
        (pair(entity=entity(description=" ")), "no text 'description'"),
        (pair(contextual_mention={"context": context(), "mention": mention(example_id=3)}), "no text 'example_id'"),
        (pair(contextual_mention={"context": context(text="short"), "mention": mention()}), "not a span of the text"),
        (pair(contextual_mention={"context": context(sentence_spans=None), "mention": mention()}), "no list 'sentence_spans'"),
        (
            pair(contextual_mention={"context": context(), "mention": mention(mention_span=span(0, 5) | {"text": "Smith"})}),
            "does not stand at its span",
        ),
        (pair(), "an example_id that is used before"),
    ],
)
def test_mewslix_faults_name_their_line(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(Faults, match=rf"dev\.jsonl:2: .*{message}"):
        read_mewslix(pairs(tmp_path, pair(), record))


def test_mewslix_labels_that_do_not_fit_are_faults(articles: ReadRequest) -> None:
    write(articles.root, "wikinews_labels/test-de.json", {"m1": ["Q2"]})
    with pytest.raises(Faults, match="the label file lacks: 'm2'"):
        read_mewslix(articles)
    for content in ({"m1": "Q2"}, {"m1": ["Q1", "Q2"]}, ["m1"]):
        write(articles.root, "wikinews_labels/test-de.json", content)
        with pytest.raises(Faults, match=r"test-de\.json"):
            read_mewslix(articles)


def test_entities_are_streamed_from_plain_and_compressed_files(articles: ReadRequest) -> None:
    path = candidates_path(articles)
    assert path is not None
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    expected = [("Q1", "Entity 1."), ("Q2", "Entity 2.")]
    for place in (path, packed):
        assert [(item.id, item.description) for item in read_entities(place)] == expected
    assert next(read_entities(path)).id == "Q1"


def test_entities_faults_are_told_together_at_the_end(articles: ReadRequest) -> None:
    write(articles.root, "candidate_set_entities.jsonl", entity(1), 7, entity(1), entity(3))
    path = candidates_path(articles)
    assert path is not None
    seen = []
    with pytest.raises(Faults) as caught:
        seen.extend(item.id for item in read_entities(path))
    assert len(caught.value.faults) == 2 and "entities.jsonl:3" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [(b"\x1f\x8bno", "damaged gzip"), (gzip.compress(b"x\n\xff\n", mtime=0), ":2: not UTF-8")]
)
def test_entities_damaged_files_are_data_errors(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "candidates.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_entities(path))


def test_entities_empty_file_is_faults(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    path.write_text("")
    with pytest.raises(Faults, match="no examples"):
        list(read_entities(path))
