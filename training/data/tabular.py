"""Tab-separated files: sentence pairs (XNLI, PAWS-X) and tagged words (PAN-X, UD-POS)."""

from __future__ import annotations

from training.data.examples import Sentences, Tagged
from training.data.files import lines, read_text
from training.data.request import Findings, ReadRequest
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
    path = request.path()
    findings = Findings(path)
    rows = [line.split("\t") for line in lines(read_text(path))]
    header = tuple(rows[0]) if rows and tuple(rows[0]) in _HEADERS else ()
    blank = not header and request.split == Split.TEST and all(len(row) == 2 for row in rows)
    width = len(header) or (2 if blank else 3)
    labels = {label: index for index, label in enumerate(request.row.labels)}
    examples = []
    for number, row in enumerate(rows[bool(header) :], 1 + bool(header)):
        if len(row) != width:
            findings.add(number, f"{len(row)} columns, not {width}", "\t".join(row), _columns_remedy(width))
            continue
        first, second, *rest = row[-3:] if header else (unquoted(text) for text in row)
        if not first.strip() or not second.strip():
            findings.add(number, "an empty sentence", "\t".join(row), "remove the line or mend the file")
            continue
        label = None if blank else labels.get(_ALIASES.get(rest[0], rest[0]))
        if label is None and not blank:
            findings.add(number, "a label outside the task's set", rest[0], f"use {', '.join(labels)}")
            continue
        examples.append(Sentences(request.id_of(number - 1), first, second, label, group=first))
    return findings.settle(examples)


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
