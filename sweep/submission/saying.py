"""What `sweep submit` says of a submission: who predicted what, what it scores, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.scoring.board import Level, Scorer
from reports.submission.agreement import EQUAL
from reports.submission.manifest import TaskEntry
from sweep.amounts import several
from sweep.submission.submitting import Submitted
from sweep.words import shown

SYNTHETIC = "SYNTHETIC: made-up languages of the mini world; no score of any benchmark"


def render(done: Submitted) -> RenderableType:
    """A row a task, then what a reader of it has to know."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("task", no_wrap=True)
    table.add_column("trial", overflow="fold")
    for name in ("files", "official", "clean"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("against the record", overflow="fold")
    for folder, entry in done.manifest.tasks.items():
        marked = escape(entry.trial) + (" [yellow](oracle)[/yellow]" if entry.oracle else "")
        cells = (str(len(entry.files)), _number(entry.official), _number(entry.clean))
        table.add_row(escape(folder), marked, *cells, _against(entry))
    return Group(table, *(Text(line, style) for line, style in _lines(done)))


def _against(entry: TaskEntry) -> str:
    """In a cell: equal, or the words of what was found."""
    return escape(entry.record.replace(EQUAL, "equal").replace(" examples a language", "").replace("not compared: ", ""))


def _lines(done: Submitted) -> Iterator[tuple[str, str]]:
    manifest = done.manifest
    if manifest.synthetic:
        yield SYNTHETIC, "yellow"
    if any(entry.threshold_from for entry in manifest.tasks.values()):
        yield "Pairs are mined above thresholds that were tuned on each language's dev gold.", ""
    for folder, entry in manifest.tasks.items():
        yield from ((f"note {folder}: {note}", "") for note in entry.notes)
    for name in done.differing:
        yield f"warning: {name}: {manifest.tasks[name].record}", "yellow"
    yield from _score_lines(done)
    if not manifest.complete:
        yield f"PARTIAL: {several(len(manifest.missing), 'thing')} missing, named above and in manifest.json", "yellow"
    files = sum(len(entry.files) for entry in manifest.tasks.values())
    yield f"{several(files, 'file')}, checked, in {shown(done.out)}; what they were made of: manifest.json", ""
    if done.archive is not None:
        yield f"packed: {shown(done.archive)}", ""


def _score_lines(done: Submitted) -> Iterator[tuple[str, str]]:
    manifest, board = done.manifest, done.board
    for message in board.messages if board else ():
        if message.level is not Level.ABSENT:
            yield f"{message.level}: {message.fault}", "yellow"
    overall = board.overall(Scorer.OFFICIAL) if board and manifest.complete else None
    if overall is not None and len(manifest.tasks) == len(board.tasks if board else ()):
        yield f"all tasks, official: {overall:.2f}", "bold"
    if any(entry.official is None for entry in manifest.tasks.values()):
        yield "…: a language has no gold here; --labels DIR, or `sweep score` with it, gives the score.", ""


def _number(value: float | None) -> str:
    return "…" if value is None else f"{value:.2f}"
