"""Strict readers of submission and label files: each notes every fault with its line, or its place in a JSON document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from reports.scoring.sources import Source
from training.data.request import Findings

_JSON = "write one JSON document, UTF-8"


class Tagged(NamedTuple):
    """The tags of one sentence, and the line of the first."""

    line: int
    tags: Sequence[str]


def read_labels(source: Source, labels: Sequence[str], findings: Findings) -> list[str]:
    """One label a line."""
    known = frozenset(labels)
    found = [line.strip() for line in source.lines]
    for number, label in enumerate(found, 1):
        if label not in known:
            cause = "a label outside the task's set" if label else "an empty line"
            findings.add(number, cause, label, f"write one of {', '.join(labels)} a line")
    return found


def read_indices(source: Source, findings: Findings) -> list[int]:
    """One index from 0 a line, below the number of lines."""
    content = source.lines
    found = []
    for number, line in enumerate(content, 1):
        text = line.strip()
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if not 0 <= value < len(content):
            findings.add(
                number, "not the index of a sentence", text, f"write a whole number from 0 to {len(content) - 1} a line"
            )
        found.append(value)
    return found


def read_choices(source: Source, findings: Findings) -> list[int]:
    """One `{"label": 0}` or `{"label": 1}` a line."""
    found = []
    for number, line in enumerate(source.lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        label = record.get("label") if isinstance(record, dict) else None
        if label not in (0, 1) or not isinstance(label, int) or isinstance(label, bool):
            findings.add(number, "no label", line, 'write {"label": 0} or {"label": 1} a line')
        found.append(label if isinstance(label, int) else -1)
    return found


def read_tags(source: Source, tags: Sequence[str], findings: Findings) -> list[Tagged]:
    """One tag a line, a blank line after each sentence; blank lines at the end of the file are not sentences."""
    known = frozenset(tags)
    content = [line.strip() for line in source.lines]
    while content and not content[-1]:
        content.pop()
    sentences = []
    start = 0
    for end in [number for number, tag in enumerate(content) if not tag] + [len(content)]:
        if content:
            sentences.append(Tagged(start + 1, content[start:end]))
        start = end + 1
    if not known.issuperset(tag for tag in content if tag):
        for number, tag in enumerate(content, 1):
            if tag and tag not in known:
                findings.add(number, "a tag outside the task's set", tag, f"write one of {', '.join(tags)} a line")
    return sentences


def read_pairs(source: Source, findings: Findings) -> list[str]:
    """Source id TAB English id a line, given back as lines."""
    found = [line.strip() for line in source.lines]
    for number, line in enumerate(found, 1):
        names = line.split("\t")
        if len(names) != 2 or not all(name.strip() for name in names):
            findings.add(number, "not a pair of ids", line, "write the source id, a tab and the English id a line")
    return found


def read_answers(source: Source, findings: Findings) -> Mapping[str, str]:
    """A JSON object, question id to answer."""
    document = _object(source, findings)
    for name, answer in document.items():
        if not isinstance(answer, str):
            findings.add(f"[{name!r}]", "an answer that is not text", json.dumps(answer, ensure_ascii=False), "write a text")
    return document


def read_rankings(source: Source, findings: Findings) -> Mapping[str, Sequence[str]]:
    """A JSON object, example id to a list of names, best first, none twice."""
    document = _object(source, findings)
    found: dict[str, Sequence[str]] = {}
    for name, names in document.items():
        texts = [item.strip() for item in names if isinstance(item, str)] if isinstance(names, list) else []
        found[name] = texts
        if not isinstance(names, list) or len(texts) != len(names):
            seen = json.dumps(names, ensure_ascii=False)
            findings.add(f"[{name!r}]", "not a list of names", seen, "write a list of texts, best first")
        elif len(set(texts)) != len(texts):
            findings.add(f"[{name!r}]", "a name twice in one list", ", ".join(texts), "rank a name once")
    return found


def read_questions(source: Source, findings: Findings) -> Mapping[str, Sequence[str]]:
    """SQuAD JSON, given back as question id to the texts of all gold answers."""
    found: dict[str, Sequence[str]] = {}
    document = _object(source, findings)
    for index, article in enumerate(_items(document, "data", "", findings) if document else ()):
        for number, paragraph in enumerate(_items(article, "paragraphs", f"data[{index}]", findings)):
            where = f"data[{index}].paragraphs[{number}]"
            for place, question in enumerate(_items(paragraph, "qas", where, findings)):
                _question(question, f"{where}.qas[{place}]", found, findings)
    if not found and not findings.count:
        findings.add(1, "no questions to score against", "", "put the gold there")
    return found


def _question(question: Any, place: str, found: dict[str, Sequence[str]], findings: Findings) -> None:
    answers = _items(question, "answers", place, findings)
    name = question.get("id") if isinstance(question, dict) else None
    texts = [answer["text"] for answer in answers if isinstance(answer, dict) and isinstance(answer.get("text"), str)]
    if not isinstance(name, str) or name in found:
        findings.add(place, "an id that is used before" if isinstance(name, str) else "no id", name, "give each its own")
    elif len(texts) != len(answers) or not texts:
        findings.add(place, "no gold answers with a text", name, "give one or more")
    else:
        found[name] = texts


def _object(source: Source, findings: Findings) -> dict[str, Any]:
    try:
        document = json.loads(source.text, object_pairs_hook=partial(_once, findings))
    except json.JSONDecodeError as error:
        line = source.text.split("\n")[error.lineno - 1] if source.text else ""
        findings.add(error.lineno, f"not JSON at column {error.colno}: {error.msg}", line[:100], _JSON)
        return {}
    except (ValueError, RecursionError) as error:
        findings.add(1, f"not JSON that can be read: {error}", "", _JSON)
        return {}
    if not isinstance(document, dict):
        findings.add(1, "not a JSON object", json.dumps(document, ensure_ascii=False), _JSON)
        return {}
    return document


def _once(findings: Findings, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each key that stands in it twice a fault: the first value would be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, times in Counter(name for name, _ in pairs).items():
            if times > 1:
                findings.add(f"[{name!r}]", f"a key {times} times in one object", name, "keep one of them")
    return found


def _items(holder: Any, key: str, place: str, findings: Findings) -> list[Any]:
    found = holder.get(key) if isinstance(holder, dict) else None
    if isinstance(found, list):
        return found
    findings.add(place or 1, f"no list {key!r}", "", "write the file as SQuAD JSON")
    return []
