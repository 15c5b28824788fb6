"""What is in a list of examples: rows, labels, lengths, and digests of single rows and of the whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.examples import Bitext, Comparable, Example, Mention, Question, SentenceQuestion, Tagged, Text
from training.data.manifest import TextStatistics
from training.data.squad import WITHHELD
from training.tasks.row import TaskRow

Fingerprints = NDArray[np.uint64]
NO_GOLD = "no gold"
_NOT_TEXT = ("id", "group")


_FIELDS: dict[type, tuple[str, ...]] = {}


def field_names(kind: type) -> tuple[str, ...]:
    """Names of the fields of a class of example."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(item.name for item in dataclasses.fields(kind))
    return _FIELDS[kind]


def row_texts(examples: Sequence[Example]) -> Iterator[tuple[str, ...]]:
    """The texts of each row.

    A bitext has one row a query, with the candidate of the same place beside it where there is one; two comparable texts have
    one a sentence, the English ones last.
    """
    for example in examples:
        if isinstance(example, Bitext):
            for index, query in enumerate(example.queries):
                yield (query, *example.candidates[index : index + 1])
        elif isinstance(example, Comparable):
            yield from ((sentence,) for sentence in (*example.sentences, *example.english))
        elif isinstance(example, Tagged):
            yield (" ".join(example.words),)
        elif isinstance(example, SentenceQuestion):
            yield example.question, example.context
        elif isinstance(example, Mention):
            yield example.text, example.description
        else:
            yield tuple(_texts(example))


def _texts(example: Example) -> Iterator[str]:
    for name in field_names(type(example)):
        value = getattr(example, name)
        if name in _NOT_TEXT:
            continue
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, str))


def fingerprints(texts: Sequence[tuple[str, ...]]) -> Fingerprints:
    """A 64-bit hash of each row's texts, case and white space apart, [rows]."""
    hashed = [hashlib.blake2b(_plain(texts_of_row), digest_size=8).digest() for texts_of_row in texts]
    return np.frombuffer(b"".join(hashed), dtype=np.uint64)


def _plain(texts: tuple[str, ...]) -> bytes:
    return "\0".join(" ".join(text.casefold().split()) for text in texts).encode("utf-8", "surrogatepass")


def text_statistics(texts: Sequence[tuple[str, ...]], prints: Fingerprints) -> TextStatistics:
    """Lengths in characters, blank rows, and rows whose texts stood before."""
    lengths = np.asarray([sum(map(len, row)) for row in texts] or [0])
    median, p90, p99 = (int(value) for value in np.percentile(lengths, [50, 90, 99], method="lower"))
    return TextStatistics(
        mean=round(float(lengths.mean()), 2),
        median=median,
        p90=p90,
        p99=p99,
        maximum=int(lengths.max()),
        blank=sum(not "".join(row).strip() for row in texts),
        duplicates=len(prints) - len(np.unique(prints)),
    )


def label_counts(row: TaskRow, examples: Sequence[Example]) -> dict[str, int]:
    """How often each label (of tagging: each tag) occurs; questions by whether they have an answer, bitexts by gold."""
    counts: Counter[str] = Counter()
    for example in examples:
        counts.update(_golds(row, example))
    known = [label for label in row.labels if label in counts]
    return {label: counts[label] for label in [*known, *sorted(counts.keys() - set(known))]}


def _golds(row: TaskRow, example: Example) -> list[str]:
    if isinstance(example, Question):
        return [NO_GOLD if example.answers == WITHHELD else "answer" if example.answers else "no answer"]
    if isinstance(example, Bitext):
        return ["gold" if example.gold is not None else NO_GOLD] * len(example.queries)
    if isinstance(example, Comparable):
        return [NO_GOLD] if example.gold is None else ["gold"] * len(example.gold)
    if isinstance(example, (SentenceQuestion, Mention)):
        gold = example.gold if isinstance(example, SentenceQuestion) else example.entity
        return [NO_GOLD if gold is None else "gold"]
    if isinstance(example, Tagged):
        return [NO_GOLD] if example.tags is None else [row.labels[tag] for tag in example.tags]
    if isinstance(example, Text):
        return []
    label = example.label
    return [NO_GOLD if label is None else row.labels[label] if row.labels else str(label)]


def content_digest(examples: Sequence[Example]) -> str:
    """Hex sha256 of the examples: class, ids, texts, gold and groups, in order."""
    total = hashlib.sha256()
    for example in examples:
        total.update(f"{type(example).__name__}{_dumped(example)}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _dumped(example: Any) -> str:
    return json.dumps(_fields(example), ensure_ascii=False, separators=(",", ":"), default=_fields)


def _fields(value: Any) -> list[Any]:
    if isinstance(value, frozenset):
        return sorted(value)
    return [getattr(value, name) for name in field_names(type(value))]
