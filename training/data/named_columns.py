"""Tables whose columns a row names: a user's own task needs no reader of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.data.examples import Example
from training.data.hub_records import RecordReader
from training.data.records import Record
from training.data.request import Findings, ReadRequest
from training.data.tables import read_table
from training.tasks.row import HubSource, Kind, TaskRow

FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CLASSIFICATION: ("first", "second", "label", "id", "group"),
    Kind.CHOICE: ("context", "question", "endings", "label", "id", "group"),
    Kind.TAGGING: ("words", "tags", "id", "group"),
    Kind.SPAN: ("id", "question", "context", "answers", "group"),
    Kind.RETRIEVAL: ("queries", "candidates"),
    Kind.MLM: ("text", "second", "id", "group"),
}
"""Fields of the example that `columns` of a row may name, by kind."""


def read_columns(request: ReadRequest) -> list[Example]:
    """Examples of a TSV, CSV, JSON-lines or Parquet file (see `tables`), by the row's `columns`: field -> column.

    * A dot goes into an object (`question.stem`); names joined by commas make one list (`answer0,answer1,answer2`).
    * A label or tag is one of the row's labels, or its index from 0 where no label is itself a number; in a test file it may be
      empty, -1 or not there, and the example then has none.
    * Words and tags are lists, in TSV and CSV texts with single spaces between the items. Answers, `{"text": [...],
      "answer_start": [...]}` or a list of pairs, need JSON lines or Parquet.
    * A choice's `question`, where it has one, is put after the context.
    * `group` names the column whose equal values stay together when a dev split is carved.

    Raises DataError, or Faults with the line (Parquet: row) of each fault.
    """
    row, path = request.row, request.path()
    findings = Findings(path)
    placed = read_table(path, findings)
    findings.settle([path])
    reader = RecordReader(
        row=row,
        hub=HubSource(repository="", splits={}, columns=row.columns),
        split=request.split,
        language=request.language,
        subject=str(path),
        classes=_classes(row),
    )
    reader.findings = _PlacedFindings(path, [place for place, _ in placed])
    if placed:
        reader.check_columns(list(dict.fromkeys(name for _, record in placed for name in record)))
    texts = path.name.removesuffix(".gz").endswith((".tsv", ".csv"))
    return reader.examples(_from_texts(record, row) if texts else record for _, record in placed)


class _PlacedFindings(Findings):
    """Faults named by the line of a record instead of its index."""

    def __init__(self, path: Path, places: Sequence[int]) -> None:
        super().__init__(path)
        self._places = places

    def add(self, place: int | str, cause: str, value: object, remedy: str) -> None:
        super().add(
            self._places[place] if isinstance(place, int) and place < len(self._places) else place, cause, value, remedy
        )


def _classes(row: TaskRow) -> dict[str, Sequence[str]]:
    """What the numbers in the label column stand for; nothing where the labels are numbers, and so mean themselves."""
    if any(_is_number(label) for label in row.labels):
        return {}
    return {row.columns[name]: row.labels for name in ("label", "tags") if name in row.columns}


def _from_texts(record: Record, row: TaskRow) -> Record:
    """A record of texts alone, with lists and numbers where its kind has them."""
    found = dict(record)
    for name in ("words", "tags") if row.kind is Kind.TAGGING else ():
        column = row.columns.get(name, name)
        if column in found:
            found[column] = [_number(item, row) if name == "tags" else item for item in found[column].split(" ")]
    column = row.columns.get("label", "label")
    if column in found:
        found[column] = _number(found[column], row)
    return found


def _number(text: str, row: TaskRow) -> str | int:
    return int(text) if _is_number(text) and text not in row.labels else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
