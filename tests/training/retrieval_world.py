"""Files of retrieval tasks for the toy model: sentences of its words, and entities that mentions share a word with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.training import toy
from training.data.corpus import Corpus, EncodedCache
from training.data.loading import DataSource
from training.evaluate import Evaluator
from training.identity import EvaluationIdentity, Runtime
from training.tasks.retrieval_rows import BUCC2018, LAREQA, MEWSLIX
from training.tasks.row import Encoding, TaskRow

_SHORT = Encoding(max_length=48)
BUCC = replace(BUCC2018, languages=("de",), encoding=_SHORT)
QUESTIONS = replace(LAREQA, languages=("en", "de"), encoding=_SHORT, train_on="qa")
LINKS = replace(MEWSLIX, languages=("en", "de"), encoding=_SHORT)


def evaluator(folder: Path, root: Path, tokenizer: Any, *rows: TaskRow, **runtime: Any) -> Evaluator:
    model, vocabulary = toy.fresh(folder, tokenizer, *rows)
    sources = {row.name: DataSource(row=row, root=root) for row in rows}
    return Evaluator(model, Corpus(sources, tokenizer, "t", EncodedCache()), vocabulary, Runtime(**runtime))


def measured(row: TaskRow, split: str, *languages: str, pooling: str | None = "mean", **more: Any) -> EvaluationIdentity:
    lengths = {"max_length": row.encoding.max_length, "stride": 0}
    return EvaluationIdentity(
        task=row.name, version=1, split=split, languages=languages, data="d", pooling=pooling, **lengths, **more
    )


def sentences(count: int, seed: int) -> list[str]:
    """Different ones."""
    dice = np.random.default_rng(seed)
    return [" ".join(toy.sentence(dice)) + f" {seed} {number}" for number in range(count)]


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_bucc(root: Path, split: str, seed: int, shared: int = 8, *, gold: bool = True, language: str = "de") -> None:
    """`shared` sentences that stand on both sides, and as many on each that do not."""
    common = sentences(shared, seed)
    sides = {language: common + sentences(shared, seed + 1), "en": sentences(shared, seed + 2) + common}
    for side, lines in sides.items():
        write(root, f"bucc2018/{language}-en.{split}.{side}", "".join(f"{side}-{n}\t{line}\n" for n, line in enumerate(lines)))
    if gold:
        pairs = "".join(f"{language}-{n}\ten-{n + shared}\n" for n in range(shared))
        write(root, f"bucc2018/{language}-en.{split}.gold", pairs)


def write_questions(root: Path, language: str, *, gold: bool = True) -> None:
    """Three passages of two sentences; a question is a sentence's words, the same in every language."""
    paragraphs = []
    for number in range(3):
        first, second = sentences(2, number)
        context = f"{first} {second}"
        asked = [(f"q{number}", second, len(first) + 1), (f"p{number}", first, 0)]
        qas = [
            {
                "id": name,
                "question": text,
                "answers": [{"text": text[:3] if gold else "", "answer_start": start if gold else 0}],
            }
            for name, text, start in asked
        ]
        breaks = [[0, len(first)], [len(first) + 1, len(context)]]
        paragraphs.append({"context": context, "sentence_breaks": breaks, "qas": qas})
    document = {"data": [{"title": "t", "paragraphs": paragraphs}]}
    write(root, f"lareqa/xquad-r/{language}.json", json.dumps(document))


def entity(number: int) -> dict[str, Any]:
    animal, place = toy.ANIMALS[number % 5], toy.PLACES[number % 4]
    description = f"a {animal} in the {place}"
    return {"entity_id": f"Q{number}", "title": animal, "description": description, "sentence_spans": []}


def article(dice: np.random.Generator, number: int, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A context and its mention of entity `number`: the same animal and place in a sentence with another verb."""
    animal, place = toy.ANIMALS[number % 5], toy.PLACES[number % 4]
    text = f"the {animal} {dice.choice(toy.VERBS)} in the {place}"
    span = {"start": 4, "end": 4 + len(animal), "text": animal}
    context = {"document_id": name, "text": text, "sentence_spans": [{"start": 0, "end": len(text)}]}
    return context, {"example_id": name, "entity_id": f"Q{number}", "mention_span": span}


def write_links(root: Path, count: int = 60) -> None:
    """Twenty entities, an animal and a place each; English pairs, and articles in both languages."""
    dice = np.random.default_rng(0)
    for split in ("train", "dev"):
        rows = []
        for number in range(count):
            context, mention = article(dice, number % 20, f"{split}-{number}")
            rows.append({"contextual_mention": {"context": context, "mention": mention}, "entity": entity(number % 20)})
        write(root, f"mewslix/wikipedia_pairs-{split}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for language in LINKS.languages:
        rows = []
        for number in range(20):
            context, mention = article(dice, number, f"{language}-{number}")
            rows.append({"context": context, "mentions": [mention]})
        write(root, f"mewslix/wikinews_mentions/test-{language}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write(root, "mewslix/candidate_set_entities.jsonl", "".join(json.dumps(entity(n)) + "\n" for n in range(20)))
