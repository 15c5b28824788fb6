"""CCG supertagging: `word TAB supertag` files and the list of supertags beside them, both supplied by the user."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath

from training.data.examples import Tagged
from training.data.files import candidates, lines, locate, read_text
from training.data.request import Findings, ReadRequest
from training.data.tabular import read_tagged
from training.errors import DataError
from training.tasks.row import Split, TaskRow

READER = "supertag_tsv"
_NAME = "supertags.txt"
_LICENCE = (
    "CCGbank is licensed by the Linguistic Data Consortium (LDC2005T13), and nothing can download it: write its sentences as "
    "`word TAB supertag` lines with a blank line between sentences, and one supertag a line into supertags.txt beside them"
)


def with_labels(row: TaskRow, root: Path) -> TaskRow:
    """The row with its labels read from the list beside its train file; any other row, or one that has labels, as it is.

    The order of the list is the order of the head's outputs. Raises DataError when the list is missing, Faults when a line of
    it is empty or repeated.
    """
    if row.reader != READER or row.labels:
        return row
    path = _located(row, root, _list_of(row))
    findings = Findings(path)
    labels = lines(read_text(path))
    times = Counter(labels)
    for number, label in enumerate(labels, 1):
        if not label.strip() or "\t" in label:
            findings.add(number, "not a supertag", label, "write one supertag a line")
        elif times[label] > 1:
            findings.add(number, "a supertag that is there twice", label, "write each supertag once")
    return replace(row, labels=tuple(findings.settle(labels)))


def read_supertagged(request: ReadRequest) -> list[Tagged]:
    """Sentences as `read_tagged` reads them, with the list of supertags where the row has no labels yet.

    Raises DataError, which says what the user has to supply, or Faults.
    """
    _located(request.row, request.root, request.relative)
    return read_tagged(replace(request, row=with_labels(request.row, request.root)))


def supertag_files(request: ReadRequest) -> list[Path]:
    """The sentences and, where the row's labels come from it, the list of supertags; raises DataError when one is missing."""
    row, root = request.row, request.root
    sentences = _located(row, root, request.relative)
    if row.labels and not (Split.TRAIN in row.files and _is_there(root, _list_of(row))):
        return [sentences]
    return [sentences, _located(row, root, _list_of(row))]


def _list_of(row: TaskRow) -> str:
    return str(PurePosixPath(row.files[Split.TRAIN]).with_name(_NAME))


def _is_there(root: Path, relative: str) -> bool:
    return any(path.is_file() for path in candidates(root, relative))


def _located(row: TaskRow, root: Path, relative: str) -> Path:
    try:
        return locate(root, relative)
    except DataError as fault:
        raise DataError(f"task {row.name}: {fault.cause}", fault.value, f"{_LICENCE}; {fault.remedy}") from None
