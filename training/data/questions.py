"""Quora question pairs, in GLUE's layout and in that of the BiMPM split."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.examples import Sentences
from training.data.files import lines, read_bytes
from training.data.records import FieldError
from training.data.request import Findings, ReadRequest
from training.data.tables import separated
from training.data.tabular import unquoted
from training.tasks.row import Split

_GLUE = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
_GLUE_TEST = ("id", "question1", "question2")
_BIMPM = ("label", "question1", "question2", "id")
MENDED = "lines with bytes that are not UTF-8: each such sequence is read as U+FFFD"


def read_question_pairs(request: ReadRequest) -> list[Sentences]:
    """Pairs of questions, label 1 for a paraphrase; `group` is the first question.

    A file that begins with GLUE's header has its columns (its test file no labels) and csv quoting, where a quoted question may
    hold line ends. Any other is `label TAB question TAB question TAB id` throughout, a pair a line, as the BiMPM split is; a
    question wholly in quotes is unquoted. Public copies of that hold bytes that are not UTF-8 (in 83 of the 10,000 dev lines of
    one): these are read as U+FFFD, and `mended` counts the lines. Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    columns, rows = _rows(read_bytes(path).decode("utf-8", "replace").removeprefix("\ufeff"), request.split, findings)
    examples: list[Sentences] = []
    for number, row in rows:
        try:
            first, second, label = _pair(row, columns, request.row.labels)
        except FieldError as fault:
            findings.add(number, *fault.args)
            continue
        examples.append(Sentences(request.id_of(len(examples)), first, second, label, group=first))
    return findings.settle(examples)


def mended(request: ReadRequest) -> int:
    """Number of lines with bytes that are not UTF-8; raises DataError when the file can't be read."""
    return sum(not _decodes(line) for line in read_bytes(request.path()).split(b"\n"))


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _rows(text: str, split: str, findings: Findings) -> tuple[tuple[str, ...], list[tuple[int, list[str]]]]:
    """The columns of a file, and (line number, fields) of its records."""
    content = lines(text)
    first = tuple(content[0].split("\t")) if content else ()
    if first == _GLUE or (first == _GLUE_TEST and split == Split.TEST):
        return first, list(separated(text, "\t", findings))[1:]
    return _BIMPM, [(number, [unquoted(field) for field in line.split("\t")]) for number, line in enumerate(content, 1)]


def _pair(row: Sequence[str], columns: tuple[str, ...], labels: tuple[str, ...]) -> tuple[str, str, int | None]:
    if len(row) != len(columns):
        remedy = f"write {', '.join(columns)}, separated by single tabs"
        raise FieldError(f"{len(row)} columns, not {len(columns)}", "\t".join(row), remedy)
    named = dict(zip(columns, row, strict=True))
    first, second = named["question1"], named["question2"]
    if not first.strip() or not second.strip():
        raise FieldError("an empty question", "\t".join(row), "remove the line or mend the file")
    if columns == _GLUE_TEST:
        return first, second, None
    label = named["is_duplicate" if columns == _GLUE else "label"]
    if label not in labels:
        raise FieldError("a label outside the task's set", label, f"use {', '.join(labels)}")
    return first, second, labels.index(label)
