"""Small files of every kind that readers know, and how many records any damaged version of them holds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.data import mutations
from training.tasks.registry import row
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


def every_line(content: bytes) -> int:
    return len(lines_of(content))


def all_but_header(content: bytes) -> int:
    return len(lines_of(content)) - 1


def headed_or_not(*headers: bytes) -> Count:
    return lambda content: (
        len(lines_of(content)) - (lines_of(content)[0].removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r") in headers)
    )


def decided(content: bytes) -> int:
    return sum(json.loads(line.removeprefix(b"\xef\xbb\xbf")).get("gold_label") != "-" for line in lines_of(content))


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
    document = json.loads(content.decode().removeprefix("\ufeff"))
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
VALUES = (*BY_BYTE, mutations.values_changed, mutations.values_changed, mutations.values_changed)
NLI = ("entailment", "neutral", "contradiction")

OWN = {"reader": "columns", "labels": NLI, "columns": {"first": "premise", "second": "hypothesis", "label": "label"}}
OWN_TSV, OWN_CSV, OWN_JSONL = (
    replace(row("mnli"), name="own", files={"dev": f"file.{kind}"}, **OWN) for kind in ("tsv", "csv", "jsonl")
)
OWN_SPANS = replace(
    row("squad_v1"),
    name="own",
    reader="columns",
    files={"dev": "file.jsonl"},
    columns={"id": "id", "question": "question", "context": "context", "answers": "answers", "group": "title"},
)
OWN_TAGS = replace(
    row("panx"), name="own", reader="columns", files={"dev": "file.jsonl"}, columns={"words": "words", "tags": "tags"}
)
PAIRS = [(one, two, NLI[index % 3]) for index, (one, two) in enumerate(zip(TEXTS, reversed(TEXTS), strict=True))]
TAGGED = "\n\n".join(
    "\n".join(f"{word}\t{tag}" for word, tag in zip(text.split(" "), ("B-PER", "I-PER", "O", "O", "O"), strict=False))
    for text in TEXTS
)
COSMOS = [("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label")] + [
    (f"i{index}", text + "\nmore", "Why?", "a", 'b, "c"', text, "d", str(index % 4)) for index, text in enumerate(TEXTS)
]
NUMBERED = list(enumerate(TEXTS))

CASES = {
    "pairs": Case("xnli", csv_text(PAIRS, "\t"), every_line, kinds=TABBED),
    "blank pairs": Case("xnli", csv_text([pair[:2] for pair in PAIRS], "\t"), every_line, split="test", kinds=TABBED),
    "translated pairs": Case(
        "xnli_all",
        b"premise\thypo\tlabel\n" + "".join("\t".join(pair) + "\n" for pair in PAIRS).encode(),
        headed_or_not(b"premise\thypo\tlabel"),
        kinds=TABBED,
    ),
    "question pairs": Case(
        "qqp",
        "".join(f'{index % 2}\t"{text.replace(chr(34), chr(34) * 2)}"\t{text}\t{index}\n' for index, text in NUMBERED).encode(),
        every_line,
        kinds=TABBED,
    ),
    "tags": Case("panx", (TAGGED + "\n").encode(), sentences, kinds=TABBED, words=tagged_words),
    "blank tags": Case(
        "panx",
        "\n\n".join(text.replace(" ", "\n") for text in TEXTS).encode(),
        sentences,
        split="test",
        kinds=TABBED,
        words=tagged_words,
    ),
    "texts": Case(
        "xtreme_mlm", "\n\n".join(f"{text}\t{text[::-1]}\n{text}" for text in TEXTS).encode(), filled_lines, kinds=TABBED
    ),
    "hellaswag": Case(
        "hellaswag",
        jsonl(*({"ctx": f"Act: {text}", "endings": ["a", "b", text, "d"], "label": index % 4} for index, text in NUMBERED)),
        every_line,
        kinds=VALUES,
    ),
    "copa": Case(
        "xcopa",
        jsonl(
            *(
                {"premise": text, "choice1": "a", "choice2": text, "question": "cause", "label": index % 2}
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "commonsenseqa": Case(
        "commonsenseqa",
        jsonl(
            *(
                {
                    "answerKey": "ABC"[index % 3],
                    "id": f"{index}",
                    "question": {"stem": text, "choices": [{"label": name, "text": name + text} for name in "ABC"]},
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "siqa": Case(
        "siqa",
        jsonl(
            *(
                {
                    "context": text,
                    "question": "Why?",
                    "answerA": "a",
                    "answerB": "b",
                    "answerC": "c",
                    "correct": "ABC"[index % 3],
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        kinds=VALUES,
    ),
    "cosmosqa": Case("cosmosqa", csv_text(COSMOS), quoted_records, name="file.csv", kinds=COMMAS),
    "anli": Case(
        "anli_r1",
        jsonl(*({"uid": "u", "context": text, "hypothesis": "H", "label": "enc"[index % 3]} for index, text in NUMBERED)),
        every_line,
        kinds=VALUES,
    ),
    "snli": Case(
        "snli",
        jsonl(*({"gold_label": (*NLI, "-")[index % 4], "sentence1": text, "sentence2": "H"} for index, text in NUMBERED)),
        decided,
        kinds=VALUES,
    ),
    "squad": Case("squad_v1", squad(), questions, kinds=VALUES),
    "squad train": Case("squad_v1", squad(), questions, split="train", kinds=VALUES),
    "squad v2": Case("squad_v2", squad(version=2), questions, kinds=VALUES),
    "own tsv": Case(
        "own",
        b"premise\thypothesis\tlabel\n" + "".join("\t".join(pair) + "\n" for pair in PAIRS).encode(),
        all_but_header,
        name="file.tsv",
        kinds=TABBED,
        row=OWN_TSV,
    ),
    "own csv": Case(
        "own",
        csv_text([("premise", "hypothesis", "label"), *PAIRS]),
        quoted_records,
        name="file.csv",
        kinds=COMMAS,
        row=OWN_CSV,
    ),
    "own jsonl": Case(
        "own",
        jsonl(*({"premise": one, "hypothesis": two, "label": label} for one, two, label in PAIRS)),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_JSONL,
    ),
    "own spans": Case(
        "own",
        jsonl(
            *(
                {
                    "id": f"{index}",
                    "question": "Q",
                    "context": text,
                    "title": "t",
                    "answers": {"text": [text[:2]], "answer_start": [0]},
                }
                for index, text in NUMBERED
            )
        ),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_SPANS,
    ),
    "own tags": Case(
        "own",
        jsonl(*({"words": text.split(), "tags": ["O"] * len(text.split())} for text in TEXTS)),
        every_line,
        name="file.jsonl",
        kinds=VALUES,
        row=OWN_TAGS,
    ),
}
