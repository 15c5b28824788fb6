"""Examples in the native file formats of XTREME and its intermediate tasks: columns, keys, line ends as in the real files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from training.world.choices import Choice
from training.world.dice import Dice
from training.world.inference import Inference
from training.world.meaning import Event
from training.world.reading import Passage, told
from training.world.render import Speaker, capitalised


def lines(texts: Iterable[str], end: str = "\n") -> str:
    """Texts as the content of a file, each with its line end."""
    return "".join(text + end for text in texts)


def xnli(items: Sequence[Inference], speaker: Speaker, code: str, dice: Dice) -> str:
    """Premise TAB hypothesis TAB label, CRLF."""
    rows = ((speaker.text(item.premise, code, dice), speaker.text(item.hypothesis, code, dice), item.label) for item in items)
    return lines(("\t".join(row) for row in rows), "\r\n")


def tagged(events: Sequence[Event], speaker: Speaker, code: str, dice: Dice, *, names: bool) -> str:
    """Token TAB tag, an empty line after each sentence; the tags are of names (IOB2) or parts of speech."""
    rows: list[str] = []
    for event in events:
        for number, word in enumerate(speaker.sentence(event, code, dice)):
            form = word.form if number else capitalised(word.form)
            rows.append(f"{form}\t{word.tag if names else word.part}")
        rows.append("")
    return lines(rows)


def xcopa(items: Sequence[Choice], speaker: Speaker, code: str, dice: Dice) -> str:
    """One JSON object a line, as in XCOPA."""
    rows = []
    for index, item in enumerate(items):
        premise, first, second = (speaker.text(event, code, dice) for event in (item.premise, *item.endings))
        row: dict[str, object] = {"premise": premise, "choice1": first, "choice2": second, "question": item.question}
        rows.append(row | {"label": item.label, "idx": index, "changed": False})
    return lines(as_json(row) for row in rows)


def hellaswag(items: Sequence[Choice], speaker: Speaker, dice: Dice) -> str:
    """One JSON object a line, as in HellaSwag."""
    rows = []
    for index, item in enumerate(items):
        context, *endings = (speaker.text(event, "en", dice) for event in (item.premise, *item.endings))
        rows.append(as_json({"ind": index, "ctx": context, "label": item.label, "endings": endings}))
    return lines(rows)


def squad(texts: Sequence[Passage], speaker: Speaker, code: str, dice: Dice, split: str) -> str:
    """A SQuAD v1.1 file, one article a passage; a question has the same id in every language."""
    articles = []
    for number, text in enumerate(texts):
        context, parts = told(text.events, speaker, code, dice)
        asked = []
        for at, letter in text.questions:
            start, answer = parts[at][letter]
            question = speaker.text(text.events[at], code, dice, asked=letter)
            name = hashlib.sha256(f"{split}/{number}/{at}{letter}".encode()).hexdigest()[:24]
            asked.append({"id": name, "question": question, "answers": [{"text": answer, "answer_start": start}]})
        articles.append({"title": f"Mini world {split} {number}", "paragraphs": [{"context": context, "qas": asked}]})
    return as_json({"version": "1.1", "data": articles}) + "\n"


def tatoeba(events: Sequence[Event], speaker: Speaker, code: str, dice: Dice) -> tuple[str, str, str]:
    """Sentences in source order, their translations sorted by code point, and for each of these the row of its source."""
    source = [speaker.text(event, code, dice) for event in events]
    english = sorted((speaker.text(event, "en", dice), row) for row, event in enumerate(events))
    return lines(source), lines(text for text, _ in english), lines(str(row) for _, row in english)


def as_json(value: object) -> str:
    """A value as JSON on one line, letters of every script as they are."""
    return json.dumps(value, ensure_ascii=False)
