"""Line-aligned text: Tatoeba's two sides, and running text for masked language modelling."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from training.data.examples import Bitext, Text
from training.data.files import candidates, lines, locate, read_text
from training.data.request import Findings, ReadRequest


def read_tatoeba(request: ReadRequest) -> list[Bitext]:
    """One Bitext: the queries are the English lines, the candidates the lines of the other language.

    The row names the file of the other language, `{lang}-en.{lang}`; beside it stand `{lang}-en.en` and, where the gold is
    known, `labels/test-{lang}.tsv`, whose line j is the index from 0 of the translation of English line j. Without it gold is
    None. Raises DataError or Faults.
    """
    path, english, labels = _tatoeba_files(request)
    others, queries = _sentences(path), _sentences(english)
    gold = None if labels is None else _gold(labels, len(queries), len(others))
    return [Bitext(request.language, tuple(queries), tuple(others), gold)]


def tatoeba_files(request: ReadRequest) -> list[Path]:
    """The two or three files of one language; raises DataError when a side is missing."""
    return [path for path in _tatoeba_files(request) if path is not None]


def read_texts(request: ReadRequest) -> list[Text]:
    """Running text, one example a line; `text TAB translation` is a parallel pair. Blank lines (between documents) are skipped.

    Raises DataError or Faults.
    """
    path = request.path()
    findings = Findings(path)
    examples = []
    for number, line in enumerate(lines(read_text(path)), 1):
        columns = line.split("\t")
        if len(columns) > 2:
            findings.add(
                number, f"{len(columns)} columns, not 1 or 2", line, "write a text, or a text, a tab and its translation"
            )
        elif len(columns) == 2 and not all(column.strip() for column in columns):
            findings.add(number, "half of a pair is empty", line, "write both halves, or the text without a tab")
        elif line.strip():
            examples.append(Text(request.id_of(number - 1), *columns))
    return findings.settle(examples)


def _tatoeba_files(request: ReadRequest) -> tuple[Path, Path, Path | None]:
    other = PurePosixPath(request.relative)
    path = request.path()
    english = locate(request.root, str(other.with_suffix(".en")))
    labels = str(other.parent / "labels" / f"test-{request.language}.tsv")
    return path, english, next((place for place in candidates(request.root, labels) if place.is_file()), None)


def _sentences(path: Path) -> list[str]:
    findings = Findings(path)
    content = lines(read_text(path))
    for number, line in enumerate(content, 1):
        if not line.strip():
            findings.add(number, "an empty sentence", line, "fetch the file again: its lines are counted")
    return findings.settle(content)


def _gold(path: Path, queries: int, others: int) -> tuple[int, ...]:
    findings = Findings(path)
    gold: list[int] = []
    for number, line in enumerate(lines(read_text(path)), 1):
        text = line.strip()
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < others:
            gold.append(int(text))
        else:
            findings.add(number, f"not an index from 0 to {others - 1}", line, "write one index a line")
    if not findings.count and len(gold) != queries:
        findings.add(len(gold), f"{len(gold)} indices for {queries} English lines", "", "write one index for each English line")
    return tuple(findings.settle(gold))
