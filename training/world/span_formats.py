"""Reading comprehension of the further tasks in its native formats: SQuAD 2.0, MLQA, TyDiQA-GoldP, XQuAD-R."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from training.world.dice import Dice
from training.world.formats import as_json
from training.world.reading import Passage, told
from training.world.render import Speaker
from training.world.unanswerable import Puzzle

_Json = dict[str, object]


def squad_v2(items: Sequence[Puzzle], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """A SQuAD 2.0 file: questions without an answer say so."""
    articles = []
    for number, item in enumerate(items):
        context, asked = _asked(item.text, speaker, code, dice, f"v2/{split}/{number}")
        qas: list[_Json] = [question | {"is_impossible": False} for question in asked]
        for place, (event, letter) in enumerate(item.impossible):
            text = speaker.text(event, code, dice, asked=letter)
            name = _digest(f"v2/{split}/{number}/none{place}")[:24]
            qas.append({"question": text, "id": name, "answers": [], "is_impossible": True})
        articles.append(_article(f"Mini world v2 {split} {number}", {"context": context, "qas": qas}))
    return _document("v2.0", articles)


def mlqa(texts: Sequence[Passage], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """An MLQA file with context and questions in one language; a question has the same id in every language."""
    articles = []
    for number, text in enumerate(texts):
        context, asked = _asked(text, speaker, code, dice, f"mlqa/{split}/{number}", 40)
        articles.append(_article(f"Mini world MLQA {split} {number}", {"context": context, "qas": asked}))
    return _document("1.0", articles)


def tydiqa(texts: Sequence[Passage], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """A TyDiQA-GoldP file of one language, as XTREME splits it; train files have no titles and number their questions."""
    articles: list[_Json] = []
    for number, text in enumerate(texts):
        context, asked = _asked(text, speaker, code, dice, f"tydiqa/{split}/{code}/{number}")
        if split == "train":
            qas = [question | {"id": str(number)} for question in asked]
            articles.append({"paragraphs": [{"context": context, "qas": qas}]})
        else:
            qas = [question | {"id": f"{code}-{_long(f'{code}/{number}')}-{place}"} for place, question in enumerate(asked)]
            articles.append(_article(f"Mini world TyDiQA {code} {number}", {"qas": qas, "context": context}))
    return _document("1.1", articles)


def xquad_r(texts: Sequence[Passage], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """An XQuAD-R file (LAReQA): SQuAD with the sentences of each context and the characters they stand at."""
    articles = []
    for number, text in enumerate(texts):
        context, asked = _asked(text, speaker, code, dice, f"lareqa/{number}")
        breaks = sentence_breaks(context)
        sentences = [context[start:end] for start, end in breaks]
        paragraph: _Json = {"context": context, "qas": asked, "sentence_breaks": breaks, "sentences": sentences}
        articles.append(_article(f"Mini world LAReQA {number}", paragraph))
    return _document("1.1", articles)


def sentence_breaks(text: str) -> list[tuple[int, int]]:
    """First and last character (exclusive) of each sentence of a rendered context."""
    breaks, start = [], 0
    for sentence in text.split(". "):
        end = min(start + len(sentence) + 1, len(text))
        breaks.append((start, end))
        start = end + 1
    return breaks


def _asked(text: Passage, speaker: Speaker, code: str, dice: Dice, name: str, width: int = 24) -> tuple[str, list[_Json]]:
    context, parts = told(text.events, speaker, code, dice)
    asked: list[_Json] = []
    for at, letter in text.questions:
        start, answer = parts[at][letter]
        question = speaker.text(text.events[at], code, dice, asked=letter)
        answers = [{"text": answer, "answer_start": start}]
        asked.append({"question": question, "answers": answers, "id": _digest(f"{name}/{at}{letter}")[:width]})
    return context, asked


def _article(title: str, paragraph: _Json) -> _Json:
    return {"title": title, "paragraphs": [paragraph]}


def _document(version: str, articles: list[_Json]) -> str:
    return as_json({"version": version, "data": articles}) + "\n"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _long(name: str) -> int:
    return int(_digest(name)[:15], 16)
