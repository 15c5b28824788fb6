"""What the damaged files are made of: texts, ways to write them, and counts of records that owe nothing to the readers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.training.data import mutations
from training.tasks.row import TaskRow

TEXTS = (
    "Łódź lies in Poland.",
    'He said "no", then left.',
    "你好，世界。",
    "ไทย ภาษา",
    "a\u2028b",
    "naïve café: yes",
    "مرحبا بالعالم",
)

Count = Callable[[bytes], int]


@dataclass(frozen=True)
class Case:
    """A kind of file: its content, how many records (and words, in tagged files) any content holds, and what is done to it."""

    task: str
    content: bytes
    count: Count
    split: str = "dev"
    name: str = "file.txt"
    kinds: tuple[mutations.Mutation, ...] = ()
    row: TaskRow | None = None
    words: Count | None = None


def lines_of(content: bytes) -> list[bytes]:
    """Lines as the byte counts them: one a newline, and what stands after the last."""
    parts = content.split(b"\n")
    return parts[:-1] if parts[-1] == b"" else parts


def plain_lines(content: bytes) -> list[str]:
    """Texts of the lines, without a byte order mark and carriage returns at line ends."""
    return [line.removesuffix(b"\r").decode() for line in lines_of(content.removeprefix(b"\xef\xbb\xbf"))]


def whole_json(content: bytes) -> Any:
    """The value of a JSON text of which nothing is lost: no object of it has a key twice."""

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), f"one value of a key that is there twice was lost: {content!r}"
        return dict(pairs)

    return json.loads(content.decode().removeprefix("\ufeff"), object_pairs_hook=whole)


def every_line(content: bytes) -> int:
    return len(lines_of(content))


def all_but_header(content: bytes) -> int:
    return len(lines_of(content)) - 1


def headed_or_not(*headers: bytes) -> Count:
    return lambda content: (
        len(lines_of(content)) - (lines_of(content)[0].removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r") in headers)
    )


def decided(content: bytes) -> int:
    return sum(whole_json(line).get("gold_label") != "-" for line in lines_of(content))


def filled_lines(content: bytes) -> int:
    return sum(bool(line.decode().strip()) for line in lines_of(content.removeprefix(b"\xef\xbb\xbf")))


def sentences(content: bytes) -> int:
    """Runs of lines that are not empty."""
    text = b"\n".join(line.removesuffix(b"\r") for line in lines_of(content.removeprefix(b"\xef\xbb\xbf")))
    return sum(bool(block) for block in text.split(b"\n\n"))


def tagged_words(content: bytes) -> int:
    """Lines that are not empty."""
    return sum(bool(line.removesuffix(b"\r")) for line in lines_of(content.removeprefix(b"\xef\xbb\xbf")))


def quoted_records(content: bytes) -> int:
    """Line ends outside quoted fields; without the header. A quote inside a field that began without one is text."""
    text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    field = re.compile(r'(?:"(?:[^"]|"")*"|[^,\n]*)([,\n]|$)')
    records, place = 0, 0
    while place < len(text):
        found = field.match(text, place)
        assert found is not None, text[place:]
        records += found[1] != ","
        place = found.end()
    return records - 1


def questions(content: bytes) -> int:
    document = whole_json(content)
    return sum(len(paragraph["qas"]) for article in document["data"] for paragraph in article["paragraphs"])


def jsonl(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def csv_text(rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue().encode()


def squad(questions_each: int = 2, version: int = 1) -> bytes:
    articles = []
    for number, context in enumerate(TEXTS[:3]):
        word = context.split()[0]
        qas: list[dict[str, Any]] = [
            {"id": f"q{number}-{index}", "question": "Was?", "answers": [{"text": word, "answer_start": 0}]}
            for index in range(questions_each)
        ]
        if version == 2:
            qas.append({"id": f"n{number}", "question": "Wer?", "answers": [], "is_impossible": True})
            qas[0]["is_impossible"] = False
        articles.append({"title": f"t{number}", "paragraphs": [{"context": context, "qas": qas}]})
    return json.dumps({"version": str(version), "data": articles}, ensure_ascii=False, indent=1).encode()


BY_BYTE = (
    mutations.flipped,
    mutations.deleted,
    mutations.inserted,
    mutations.cut,
    mutations.lines_moved,
    mutations.gzip_damaged,
)
TABBED = (*BY_BYTE, mutations.columns_moved)
COMMAS = (*BY_BYTE, lambda content, dice: mutations.columns_moved(content, dice, b","))
VALUES = (*BY_BYTE, *[mutations.values_changed] * 3, mutations.values_spelled)
NLI = ("entailment", "neutral", "contradiction")
