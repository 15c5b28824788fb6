"""From the records of a hub data set to examples, by the columns that a row's hub source names.

`columns` maps a field of the example to a column. A dot goes into a structure (`choices.text`); names joined by commas make one
list (`answer0,answer1,answer2`). The `question` of a choice is put after its context (COPA's in words). Labels may be numbers
(with or without the class names of the data set), names, or, in a test split, -1 or nothing for gold that is withheld. A
`label_names` entry with an empty value leaves such records out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data.examples import Answer, Bitext, Choices, Example, Question, Sentences, Tagged, Text
from training.data.jsonlines import ASKED
from training.data.request import Findings, is_text
from training.data.squad import WITHHELD
from training.errors import DataError
from training.tasks.row import HubSource, Kind, Split, TaskRow

Record = Mapping[str, Any]
_NONE_GIVEN = (None, "", "-1")


class _FieldError(Exception):
    """A field of a record is missing or wrong: cause, value, remedy."""


@dataclass
class RecordReader:
    """Turns the records of one split in one language into examples; faults are collected in `findings`.

    `classes` holds the class names of columns that have them, and `left_out` counts the records that `label_names` drops.
    """

    row: TaskRow
    hub: HubSource
    split: str
    language: str
    subject: str
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: int = 0

    def __post_init__(self) -> None:
        self.findings = Findings(Path(self.subject))
        self._ids: Counter[str] = Counter()

    def check_columns(self, there: Sequence[str]) -> None:
        """Raises DataError when a column that the row names is not there; one for gold may be missing from a test split."""
        gold = {"label", "tags", "answers"} if self.split == Split.TEST else set()
        wanted = {part.split(".")[0]: name for name, path in self.hub.columns.items() for part in path.split(",")}
        missing = [column for column, name in wanted.items() if column not in there and name not in gold]
        if missing:
            changed = f"the data set has changed, or another revision is meant: prepare {self.row.name} with --revision, or "
            raise DataError(
                f"{self.subject}: the data {'set' if self.hub.repository else 'file'} has no column {', '.join(missing)}",
                f"its columns are {', '.join(there)}",
                f"{changed if self.hub.repository else ''}correct the columns of the row",
            )

    def examples(self, records: Iterable[Record]) -> list[Example]:
        """Every example; raises `Faults` naming what is wrong with the records."""
        if self.row.kind is Kind.RETRIEVAL:
            return self._bitext(records)
        build = self._builders()[self.row.kind]
        found: list[Example] = []
        for number, record in enumerate(records):
            try:
                example = build(record, self._name(record, number))
            except _FieldError as fault:
                self.findings.add(number, *fault.args)
                continue
            if example is None:
                self.left_out += 1
            else:
                found.append(example)
        return self.findings.settle(found)

    def _builders(self) -> Mapping[Kind, Callable[[Record, str], Example | None]]:
        return {
            Kind.CLASSIFICATION: self._sentences,
            Kind.CHOICE: self._choices,
            Kind.TAGGING: self._tagged,
            Kind.SPAN: self._question,
            Kind.MLM: self._running,
        }

    def _name(self, record: Record, number: int) -> str:
        given = self._value(record, "id") if "id" in self.hub.columns else None
        name = str(given) if type(given) is int or is_text(given) else f"{self.split}-{self.language}-{number}"
        self._ids[name] += 1
        if self._ids[name] > 1 and self.split != Split.TRAIN:
            self.findings.add(number, "an id that is used before", name, "give every record an id of its own")
        return name if self._ids[name] == 1 else f"{name}#{self._ids[name]}"

    def _sentences(self, record: Record, name: str) -> Example | None:
        first = self._text(record, "first")
        second = self._text(record, "second") if "second" in self.hub.columns else ""
        label, kept = self._label(record)
        return Sentences(name, first, second, label, self._group(record) or first) if kept else None

    def _choices(self, record: Record, name: str) -> Example | None:
        endings = self._texts(record, "endings")
        if len(endings) < 2 or (self.row.labels and len(endings) != len(self.row.labels)):
            raise _FieldError(f"{len(endings)} endings", endings, f"the task has {len(self.row.labels) or 'two or more'}")
        context = self._text(record, "context")
        if "question" in self.hub.columns:
            asked = self._text(record, "question")
            context = f"{context} {ASKED.get(asked, asked)}"
        label, kept = self._label(record, len(endings))
        return Choices(name, context, tuple(endings), label, self._group(record)) if kept else None

    def _tagged(self, record: Record, name: str) -> Example:
        words = self._texts(record, "words")
        values = self._value(record, "tags")
        if self.split == Split.TEST and not values:
            return Tagged(name, tuple(words), None, self._group(record))
        if not isinstance(values, list) or len(values) != len(words):
            count = len(values) if isinstance(values, list) else "no"
            raise _FieldError(f"{count} tags for {len(words)} words", values, "give each word one tag")
        tags = tuple(self._index(value, self.hub.columns["tags"], len(self.row.labels)) for value in values)
        return Tagged(name, tuple(words), tags, self._group(record))

    def _question(self, record: Record, name: str) -> Example:
        context = self._text(record, "context")
        group = self._group(record) or context
        return Question(name, self._text(record, "question"), context, self._answers(record, context), group)

    def _answers(self, record: Record, context: str) -> tuple[Answer, ...]:
        given = self._value(record, "answers")
        if given is None and self.split == Split.TEST:
            return WITHHELD
        try:
            if isinstance(given, Mapping):
                starts = given["answer_start"] if "answer_start" in given else given["start"]
                answers = tuple(Answer(text, start) for text, start in zip(given["text"], starts, strict=True))
            else:
                answers = tuple(Answer(item["text"], item["answer_start"]) for item in given)
        except (KeyError, TypeError, ValueError):
            raise _FieldError("no texts with an answer_start each", given, "answers hold text and answer_start") from None
        for answer in answers:
            if not is_text(answer.text) or type(answer.start) is not int:
                raise _FieldError("an answer without a text or a place", answer, "answers hold text and answer_start")
            if answer.start < 0 or not context.startswith(answer.text, answer.start):
                remedy = "count answer_start in code points of the context"
                raise _FieldError(f"the answer does not stand at {answer.start}", answer.text, remedy)
        return answers

    def _running(self, record: Record, name: str) -> Example:
        second = self._text(record, "second") if "second" in self.hub.columns else ""
        return Text(name, self._text(record, "text"), second, self._group(record))

    def _bitext(self, records: Iterable[Record]) -> list[Example]:
        pairs: list[tuple[str, str]] = []
        for number, record in enumerate(records):
            try:
                pairs.append((self._text(record, "queries"), self._text(record, "candidates")))
            except _FieldError as fault:
                self.findings.add(number, *fault.args)
        self.findings.settle(pairs)
        queries, others = zip(*pairs, strict=True)
        return [Bitext(self.language, queries, others, tuple(range(len(pairs))))]

    def _value(self, record: Record, name: str) -> Any:
        path = self.hub.columns.get(name, name)
        if "," in path:
            return [_inside(record, part) for part in path.split(",")]
        return _inside(record, path)

    def _text(self, record: Record, name: str) -> str:
        found = self._value(record, name)
        if not is_text(found):
            path = self.hub.columns.get(name, name)
            raise _FieldError(f"no text in column {path!r}", found, "the column has to hold a text that is not empty")
        return found

    def _texts(self, record: Record, name: str) -> list[str]:
        found = self._value(record, name)
        if not isinstance(found, list) or not found or not all(is_text(item) for item in found):
            path = self.hub.columns.get(name, name)
            remedy = "the column has to hold a list of texts, none empty"
            raise _FieldError(f"no list of texts in column {path!r}", found, remedy)
        return found

    def _group(self, record: Record) -> str:
        found = self._value(record, "group") if "group" in self.hub.columns else None
        if found is None or found == "":
            return ""
        if type(found) is not int and not is_text(found):
            raise _FieldError(
                f"no text in column {self.hub.columns['group']!r}", found, "the column has to hold texts, or nothing"
            )
        return str(found)

    def _label(self, record: Record, choices: int = 0) -> tuple[int | None, bool]:
        """The label, and whether the record is kept."""
        value = self._value(record, "label") if "label" in self.hub.columns else None
        if self.hub.label_names.get(str(value)) == "":
            return None, False
        if self.split == Split.TEST and (value is None or str(value) in _NONE_GIVEN):
            return None, True
        return self._index(value, self.hub.columns.get("label", "label"), choices or len(self.row.labels)), True

    def _index(self, value: Any, column: str, count: int) -> int:
        """A label's index among the row's labels, from a number, a class of the data set, or a name."""
        labels = self.row.labels or tuple(str(index) for index in range(count))
        known = self.classes.get(column, ())
        names = [str(value)]
        if type(value) is int and 0 <= value < len(known):
            first = known[value] in {*labels, *self.hub.label_names}
            names = [known[value], *names] if first else [*names, known[value]]
        for name in names:
            label = self.hub.label_names.get(name, name)
            if label in labels and not isinstance(value, (bool, float)):
                return labels.index(label)
        raise _FieldError("a label outside the task's set", value, f"the task has {', '.join(labels)}")


def _inside(record: Any, path: str) -> Any:
    for part in path.split("."):
        record = record.get(part) if isinstance(record, Mapping) else None
    return record
