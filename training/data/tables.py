"""Tables: records with named columns from TSV, CSV, JSON lines and Parquet files, whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.data.files import lines, read_bytes, read_text
from training.data.records import Record, records
from training.data.request import Findings
from training.errors import DataError

EXTENSIONS = (".tsv", ".csv", ".jsonl", ".parquet")
_CELL = 1 << 24
_PARQUET_REMEDY = "fetch or write the file again"


def read_table(path: Path, findings: Findings) -> list[tuple[int, Record]]:
    """(line or row number from 1, record) of a table whose extension, before `.gz`, is one of `EXTENSIONS`.

    * `.tsv`: a header line, then a record a line; a tab always separates and quotes are text.
    * `.csv`: a header line, comma-separated, quoted as RFC 4180 has it; a quoted field may hold line ends.
    * `.jsonl`: one object a line, all with the same keys or some of them.
    * `.parquet`: rows, with page checksums verified where the file has them.

    What is wrong with single lines is noted in `findings`. Raises DataError when the file can't be read as a whole.
    """
    extension = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if extension == ".parquet":
        return _parquet(path)
    if extension == ".jsonl":
        return list(records(lines(read_text(path)), findings))
    if extension == ".csv":
        return _headed(list(separated(read_text(path), ",", findings)), findings)
    if extension == ".tsv":
        content = enumerate(lines(read_text(path)), 1)
        return _headed([(number, line.split("\t")) for number, line in content], findings)
    raise DataError(f"{path}: a table of no known kind", extension, f"name the file with one of {', '.join(EXTENSIONS)}")


def separated(text: str, delimiter: str, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """(number of its last line, fields) of each record of a csv-quoted text; a quoting fault ends the reading and is noted."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_CELL)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        findings.add(reader.line_num, "not csv", str(error), "close every quote, and double a quote inside a quoted field")
    finally:
        csv.field_size_limit(limit)


def _headed(rows: Sequence[tuple[int, list[str]]], findings: Findings) -> list[tuple[int, Record]]:
    if not rows:
        return []
    header = rows[0][1]
    if len(set(header)) != len(header) or not all(name.strip() for name in header):
        findings.add(1, "a header with an empty or a repeated column", ", ".join(header), "give every column a name of its own")
        return []
    found = []
    for number, row in rows[1:]:
        if len(row) == len(header):
            found.append((number, dict(zip(header, row, strict=True))))
        else:
            findings.add(number, f"{len(row)} columns, not {len(header)}", row, f"write {', '.join(header)} on every line")
    return found


def _parquet(path: Path) -> list[tuple[int, Record]]:
    content = read_bytes(path)
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True, use_threads=False)
        table.validate(full=True)
        names, rows = table.column_names, table.to_pylist()
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a Parquet file, or a damaged one", str(error).split("\n")[0], _PARQUET_REMEDY) from error
    if len(set(names)) != len(names):
        raise DataError(f"{path}: a column is there twice", ", ".join(names), "give every column a name of its own")
    return list(enumerate(rows, 1))
