"""JSON of the retrieval tasks: XQuAD-R, and Mewsli-X's pairs, mentions, labels and candidates; and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.training.data.fuzz_disk import Files, Several, examples_of, text
from tests.training.data.fuzz_forms import TEXTS, VALUES, jsonl, plain_lines, whole_json
from training.data.entities import read_entities
from training.data.files import locate

XQUAD_R = "lareqa/xquad-r/de.json"
CANDIDATES = "mewslix/candidate_set_entities.jsonl"
MENTIONS, LABELS = "mewslix/wikinews_mentions/test-de.jsonl", "mewslix/wikinews_labels/test-de.json"
SPANS = [{"start": 0, "end": 11}, {"start": 12, "end": 35}]
CONTEXT = "It {shone}. Then Smith went to Łódź"


def xquad_r(gold: bool = True) -> bytes:
    paragraphs = []
    for number, line in enumerate(TEXTS[:4]):
        context = f"{line} Second one. {line}"
        middle = len(line) + 1
        answers = [(context[:2], 0), ("one", middle + 7), ("", 0)] if gold else [("", 0)]
        questions = [
            {"id": f"{number}-{index}", "question": "Wo?", "answers": [{"text": words, "answer_start": start}]}
            for index, (words, start) in enumerate(answers)
        ]
        breaks = [[0, len(line)], [middle, middle + 11], [middle + 12, len(context)]]
        paragraphs.append({"context": context, "sentence_breaks": breaks, "qas": questions})
    articles = [{"title": "t", "paragraphs": paragraphs[:2]}, {"title": "u", "paragraphs": paragraphs[2:]}]
    return json.dumps({"data": articles}, ensure_ascii=False, indent=1).encode()


def xquad_r_found(root: Path) -> Any:
    found = examples_of("lareqa", "test", root)
    assert len({example.id for example in found}) == len(found)
    assert all(map(text, (words for one in found for words in (one.id, one.question, one.context, one.group, *one.sentences))))
    return [
        (
            example.id,
            example.question,
            example.context,
            len(example.sentences),
            None if example.gold is None else {example.sentences[index] for index in example.gold},
        )
        for example in found
    ]


def xquad_r_held(files: Files) -> Any:
    held = []
    for article in whole_json(files[XQUAD_R])["data"]:
        for paragraph in article["paragraphs"]:
            context, breaks = paragraph["context"], paragraph["sentence_breaks"]
            assert breaks, "a paragraph without sentences"
            for asked in paragraph["qas"]:
                answer = asked["answers"][0]
                start = answer["answer_start"]
                holding = {context[one:two] for one, two in breaks if one <= start < two} if answer["text"] else None
                assert type(asked["id"]) in (str, int)
                held.append((str(asked["id"]), asked["question"], context, len(breaks), holding))
    return held


def _context(number: int) -> dict[str, Any]:
    return {"document_id": f"D{number}", "language": "de", "text": CONTEXT, "sentence_spans": SPANS}


def _mention(number: int, name: str = "Smith", **more: Any) -> dict[str, Any]:
    start = CONTEXT.index(name)
    return {"example_id": f"m{number}", "mention_span": {"start": start, "end": start + len(name), "text": name}, **more}


def _entity(number: int) -> dict[str, Any]:
    return {"entity_id": f"Q{number}", "title": "t", "description": f"{TEXTS[number]}\n more", "sentence_spans": []}


def _pair(number: int) -> dict[str, Any]:
    mention = {"context": _context(number), "mention": _mention(number, entity_id=f"Q{number}")}
    return {"contextual_mention": mention, "entity": _entity(number)}


def _article(number: int, **more: Any) -> dict[str, Any]:
    mentions = [_mention(2 * number, **more), _mention(2 * number + 1, "Łódź", **more)]
    return {"context": _context(number), "mentions": mentions}


def mewslix_found(split: str) -> Callable[[Path], Any]:
    def found(root: Path) -> Any:
        examples = examples_of("mewslix", split, root)
        assert split == "train" or len({example.id for example in examples}) == len(examples)
        assert all(
            " { " in text(example.text) and " }" in example.text and example.group.encode() is not None for example in examples
        )
        return [(text(example.id), example.entity, example.description) for example in examples]

    return found


def pairs_held(files: Files) -> Any:
    (content,) = files.values()
    records = [whole_json(line.encode()) for line in plain_lines(content)]
    return [
        (
            record["contextual_mention"]["mention"]["example_id"],
            text(record["entity"]["entity_id"]),
            described(record["entity"]),
        )
        for record in records
    ]


def described(entity: dict[str, Any]) -> str:
    return " ".join(text(entity["description"]).split())


def mentions_held(files: Files) -> Any:
    mentions = [mention for line in plain_lines(files[MENTIONS]) for mention in whole_json(line.encode())["mentions"]]
    if LABELS in files:
        labels = whole_json(files[LABELS])
        golds = [labels[mention["example_id"]][0].strip() for mention in mentions]
    else:
        golds = [mention.get("entity_id") for mention in mentions]
        golds = ["" if gold is None else gold for gold in golds]
    return [
        (mention["example_id"], text(gold) if gold.strip() else None, "") for mention, gold in zip(mentions, golds, strict=True)
    ]


def entities_found(root: Path) -> Any:
    return [(text(entity.id), text(entity.description)) for entity in read_entities(locate(root, CANDIDATES))]


def entities_held(files: Files) -> Any:
    records = [whole_json(line.encode()) for line in plain_lines(files[CANDIDATES])]
    assert len({record["entity_id"] for record in records}) == len(records)
    return [(record["entity_id"], described(record)) for record in records]


_GOLD = {
    MENTIONS: jsonl(*(_article(number, entity_id="") for number in range(4))),
    LABELS: json.dumps({f"m{number}": [f"Q{number % 3}"] for number in range(8)}).encode(),
}
_KNOWN = {MENTIONS: jsonl(*(_article(number, entity_id="Q1") for number in range(4)))}
_PAIRS = {split: f"mewslix/wikipedia_pairs-{split}.jsonl" for split in ("train", "dev")}
_ENTITIES = {CANDIDATES: jsonl(*map(_entity, range(len(TEXTS))))}
DOCUMENTS = {
    "xquad-r": Several({XQUAD_R: xquad_r()}, XQUAD_R, xquad_r_found, xquad_r_held, VALUES),
    "xquad-r without gold": Several({XQUAD_R: xquad_r(gold=False)}, XQUAD_R, xquad_r_found, xquad_r_held, VALUES),
    **{
        f"mewsli-x, {split} pairs": Several(
            {name: jsonl(*map(_pair, range(4)))}, name, mewslix_found(split), pairs_held, VALUES
        )
        for split, name in _PAIRS.items()
    },
    "mewsli-x, mentions": Several(_GOLD, MENTIONS, mewslix_found("test"), mentions_held, VALUES),
    "mewsli-x, labels": Several(_GOLD, LABELS, mewslix_found("test"), mentions_held, VALUES),
    "mewsli-x, mentions with gold": Several(_KNOWN, MENTIONS, mewslix_found("test"), mentions_held, VALUES),
    "mewsli-x, candidates": Several(_ENTITIES, CANDIDATES, entities_found, entities_held, VALUES),
}
