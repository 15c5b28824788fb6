"""What readers return: one small class a kind of task.

A label or tag is an index into the row's `labels`, or None where the file carries no gold (a blank test set).
`group` names what must stay together when a dev split is carved from a train split (the article of a question, say).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentence classification; `second` is empty for single sentences."""

    id: str
    first: str
    second: str
    label: int | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """Multiple choice: each of `endings` is scored after `context`."""

    id: str
    context: str
    endings: tuple[str, ...]
    label: int | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence of words, one tag a word."""

    id: str
    words: tuple[str, ...]
    tags: tuple[int, ...] | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold answer; `start` counts characters (code points) of the context."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """Span extraction; no answers means a question without one."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Bitext:
    """Two columns of sentences; `gold[i]` is the index in `candidates` of the translation of `queries[i]`, or None."""

    id: str
    queries: tuple[str, ...]
    candidates: tuple[str, ...]
    gold: tuple[int, ...] | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Comparable:
    """Two texts that hold translations of each other somewhere, sentence by sentence, the second one English.

    `gold` holds (id, English id) of every pair of translations, or is None.
    """

    id: str
    sentences: tuple[str, ...]
    ids: tuple[str, ...]
    english: tuple[str, ...]
    english_ids: tuple[str, ...]
    gold: frozenset[tuple[str, str]] | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class SentenceQuestion:
    """A question whose answer is a sentence: `gold` are the indices in `sentences` (of its passage) that answer it, or None.

    `id` is the same in every language; `passage` names the passage, which several questions share, `context` is all its text.
    """

    id: str
    question: str
    passage: str
    context: str
    sentences: tuple[str, ...]
    gold: tuple[int, ...] | None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of an entity in its sentence, marked, and the entity's id, or None; `description` where the file has pairs."""

    id: str
    text: str
    entity: str | None
    description: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Running text for masked language modelling; `second` holds a translation where the line is a pair."""

    id: str
    text: str
    second: str = ""
    group: str = ""


Example = Sentences | Choices | Tagged | Question | Bitext | Comparable | SentenceQuestion | Mention | Text
