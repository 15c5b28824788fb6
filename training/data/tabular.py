"""Tab-separated files: sentence pairs (XNLI, PAWS-X) and tagged words (PAN-X, UD-POS)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.examples import Sentences, Tagged
from training.data.files import lines, read_text
from training.data.request import Findings, ReadRequest
from training.data.streamed import streamed_lines
from training.tasks.row import Split

_ALIASES = {"contradictory": "contradiction"}
"""MultiNLI and XNLI as first published write the label on the left."""
_HEADERS = {("premise", "hypo", "label"), ("id", "sentence1", "sentence2", "label")}
"""Of XNLI's machine translations, and of PAWS-X before XTREME's preprocessing."""


def read_sentence_pairs(request: ReadRequest) -> list[Sentences]:
    """Sentence pairs from `first TAB second TAB label`, or `first TAB second` throughout for a blank test file (label None).

    XTREME writes these files with csv quoting, one record a line: a field that is wholly in quotes, with inner quotes doubled,
    is unquoted; any other quote is text. Files that begin with the header of XNLI's machine translations or of PAWS-X as first
    published have that header's columns, and every quote in them is text. `group` is the first sentence, since one premise
    stands in several pairs. Raises DataError or Faults.
    """
    return list(stream_sentence_pairs(request))


def stream_sentence_pairs(request: ReadRequest) -> Iterator[Sentences]:
    """The pairs of `read_sentence_pairs`, one at a time, so that a file of any size takes no memory.

    Raises DataError, or Faults after the last pair: what was made of the pairs before is to be thrown away then.
    """
    path = request.path()
    findings = Findings(path)
    header = next((columns for _, columns in _rows(path)), ())
    header = header if header in _HEADERS else ()
    blank = not header and request.split == Split.TEST and all(len(row) == 2 for _, row in _rows(path))
    read = _PairReader(request, findings, header, blank)
    count = 0
    for number, row in _rows(path):
        found = read(number, row) if number > 1 or not header else None
        if found is not None:
            count += 1
            yield found
    findings.close(count)


def _rows(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number and columns of each line; raises DataError on an empty file too."""
    number = 0
    for number, line in streamed_lines(path):
        yield number, tuple(line.split("\t"))
    if not number:
        read_text(path)


class _PairReader:
    """Makes a pair of a line, or notes what is wrong with it."""

    def __init__(self, request: ReadRequest, findings: Findings, header: tuple[str, ...], blank: bool) -> None:
        self.request, self.findings, self.quoted, self.blank = request, findings, not header, blank
        self.width = len(header) or (2 if blank else 3)
        self.labels = {label: index for index, label in enumerate(request.row.labels)}

    def __call__(self, number: int, row: tuple[str, ...]) -> Sentences | None:
        if len(row) != self.width:
            self.findings.add(number, f"{len(row)} columns, not {self.width}", "\t".join(row), _columns_remedy(self.width))
            return None
        first, second, *rest = (unquoted(text) for text in row) if self.quoted else row[-3:]
        if not first.strip() or not second.strip():
            self.findings.add(number, "an empty sentence", "\t".join(row), "remove the line or mend the file")
            return None
        label = None if self.blank else self.labels.get(_ALIASES.get(rest[0], rest[0]))
        if label is None and not self.blank:
            self.findings.add(number, "a label outside the task's set", rest[0], f"use {', '.join(self.labels)}")
            return None
        return Sentences(self.request.id_of(number - 1), first, second, label, group=first)


def read_tagged(request: ReadRequest) -> list[Tagged]:
    """Sentences from `word TAB tag` lines with a blank line between them, or words alone for a blank test file (tags None).

    A word may hold any white space but tab and newline (U+00A0, say); it may not be empty. Blank lines at the end are ignored,
    but a doubled one elsewhere is a fault: XTREME's scorer would see an empty sentence there. Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    content = lines(read_text(path))
    while content and not content[-1]:
        content.pop()
    blank = request.split == Split.TEST and not any("\t" in line for line in content)
    tags = {tag: index for index, tag in enumerate(request.row.labels)}
    examples: list[Tagged] = []
    start = 0
    for end in [number for number, line in enumerate(content) if not line] + [len(content)]:
        if end == start and content:
            findings.add(end + 1, "an empty sentence", "", "leave one blank line between sentences")
        elif end > start:
            words = _tagged_words(content[start:end], start + 1, blank, tags, findings)
            found = None if blank else tuple(tag for _, tag in words)
            examples.append(Tagged(request.id_of(len(examples)), tuple(word for word, _ in words), found))
        start = end + 1
    return findings.settle(examples)


def _tagged_words(
    content: list[str], first_line: int, blank: bool, tags: dict[str, int], findings: Findings
) -> list[tuple[str, int]]:
    words = []
    width = 1 if blank else 2
    for number, line in enumerate(content, first_line):
        columns = line.split("\t")
        tag = 0 if blank else tags.get(columns[-1], -1)
        if len(columns) != width:
            findings.add(number, f"{len(columns)} columns, not {width}", line, _columns_remedy(width))
        elif not columns[0].strip(" "):
            findings.add(number, "an empty word", line, "remove the line, or write the word")
        elif tag < 0:
            findings.add(number, "a tag outside the task's set", columns[-1], f"use {', '.join(tags)}")
        else:
            words.append((columns[0], tag))
    return words


def _columns_remedy(width: int) -> str:
    return f"separate {width} columns with single tabs" if width > 1 else "write one word a line, without tabs"


def unquoted(field: str) -> str:
    """A field without csv quoting, where it is wholly in quotes with inner quotes doubled; any other as it is."""
    if len(field) < 2 or field[0] != '"' or field[-1] != '"':
        return field
    inner = field[1:-1]
    return field if '"' in inner.replace('""', "") else inner.replace('""', '"')
