"""Retrieval of the further tasks in its native formats: BUCC 2018 and Mewsli-X."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from training.world.comparable import Comparable
from training.world.dice import Dice
from training.world.entities import Entity, Mention
from training.world.formats import as_json, lines
from training.world.reading import told
from training.world.render import Speaker
from training.world.span_formats import sentence_breaks

_SITE = "https://mini.world.invalid"


def bucc(item: Comparable, speaker: Speaker, code: str, dice: Dice) -> tuple[str, str, str]:
    """Both sides, id TAB sentence, and the gold, source id TAB English id."""
    source = (f"{_number(code, row)}\t{speaker.text(event, code, dice)}" for row, event in enumerate(item.source))
    english = (f"{_number('en', row)}\t{speaker.text(event, 'en', dice)}" for row, event in enumerate(item.english))
    gold = (f"{_number(code, row)}\t{_number('en', other)}" for row, other in item.gold)
    return lines(source), lines(english), lines(gold)


def candidates(items: Sequence[tuple[Entity, str]], speaker: Speaker, dice: Dice) -> str:
    """One JSON object a line, as in Mewsli-X: an entity, its description in one language."""
    return lines(as_json(_entity(entity, code, speaker, dice)) for entity, code in items)


def wikipedia_pairs(items: Sequence[Mention], speaker: Speaker, dice: Dice, split: str) -> str:
    """One JSON object a line: an English mention in its context, with the English description of its entity."""
    rows = []
    for number, item in enumerate(items):
        context, mention = _mention(item, "en", speaker, dice, f"wikipedia/{split}/{number}")
        pair = {"contextual_mention": {"context": context, "mention": mention}}
        rows.append(as_json(pair | {"entity": _entity(item.entity, "en", speaker, dice)}))
    return lines(rows)


def wikinews(items: Sequence[Mention], speaker: Speaker, code: str, dice: Dice, split: str) -> tuple[str, str]:
    """Mentions, one JSON object a document, and the labels: example id -> list of entity ids."""
    rows, labels = [], {}
    for number, item in enumerate(items):
        context, mention = _mention(item, code, speaker, dice, f"wikinews/{split}/{code}/{number}")
        rows.append(as_json({"context": context, "mentions": [mention]}))
        labels[str(mention["example_id"])] = [item.entity.id]
    return lines(rows), as_json(labels) + "\n"


def _number(code: str, row: int) -> str:
    return f"{code}-{row + 1:09d}"


def _entity(entity: Entity, code: str, speaker: Speaker, dice: Dice) -> dict[str, object]:
    text, _ = told(entity.description, speaker, code, dice)
    title = " ".join(speaker.forms[code][word] for word in entity.name.words)
    url = f"{_SITE}/{code}/{entity.id}"
    row: dict[str, object] = {"entity_id": entity.id, "title": title, "description": text, "sentence_spans": _spans(text)}
    return row | {"description_language": code, "description_url": url}


def _mention(item: Mention, code: str, speaker: Speaker, dice: Dice, name: str) -> tuple[dict[str, object], dict[str, object]]:
    text, parts = told(item.events, speaker, code, dice)
    start, surface = parts[item.place]["S"]
    document = hashlib.sha256(name.encode()).hexdigest()
    context: dict[str, object] = {"document_title": name, "document_url": f"{_SITE}/{name}", "document_id": document[:16]}
    context |= {"language": code, "text": text, "sentence_spans": _spans(text)}
    span = {"start": start, "end": start + len(surface), "text": surface}
    return context, {"example_id": document[16:48], "mention_span": span, "entity_id": item.entity.id}


def _spans(text: str) -> list[dict[str, int]]:
    return [{"start": start, "end": end} for start, end in sentence_breaks(text)]
