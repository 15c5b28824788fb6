"""What a sweep's own run says at its end: the transfer table, what it amounts to, and which trials were chosen.

Made from the run folder alone, as `sweep table` is; nothing here asks MLflow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import BASELINE, Pair
from reports.frame import Average, TransferTable
from reports.intervals import intervals_text
from reports.table import MISSING, SYNTHETIC, caption_lines, transfer_json
from sweep.tracking.markdown import plain, row
from sweep.tracking.names import TAG_LIMIT
from training.record import TrialRecord

if TYPE_CHECKING:  # scipy takes a second to load
    from reports.statistics.compare import Comparison

VERSION = "4"
"""Of what is written; a change writes the summaries of older folders anew."""
OF_SEEDS = " ± is the standard deviation over seeds."
"""What the caption of the terminal's table says of its own signs."""
NAMED, NOTES = 6, 12
"""Differences that are named, each way; and notes on the table that are shown, before the rest is counted."""
PICTURE, DOTS = "heat-{}.png", 110
"""A picture's name, and its dots an inch: MLflow shows it at its own size, in a column of some 800 pixels."""


@dataclass(frozen=True)
class Summary:
    """The tables of a run folder as they stand, with what is chosen. `digest` changes with anything that is shown."""

    tables: Sequence[TransferTable]
    comparisons: Mapping[Pair, Comparison]
    records: Sequence[TrialRecord]
    chosen: frozenset[str]
    digest: str


def summary_of(run_folder: Path) -> Summary:
    """Read a run folder; raises UserError when it is none, StoreError where storage fails."""
    from reports.statistics.transfer import interval_of_each
    from sweep.foreseen import current_records, tables_from
    from sweep.runfolder import read_mark

    mark = read_mark(run_folder)
    records = current_records(run_folder, mark)
    tables = tables_from(records, mark)
    comparisons = interval_of_each(tables, records, run_folder, lambda line: None)
    said = "\0".join([VERSION, transfer_json(tables), intervals_text(comparisons)])
    chosen = (trial for table in tables for cells in table.cells.values() for cell in cells.values() for trial in cell.trials)
    return Summary(tables, comparisons, records, frozenset(chosen), hashlib.sha256(said.encode()).hexdigest()[:16])


def draw(summary: Summary, folder: Path) -> list[Path]:
    """A heat map a model, as PNG files of `folder`; raises StoreError where they can't be written."""
    from reports.figures.canvas import PAGE, png, styled
    from reports.figures.heat import heat_map
    from reports.figures.sources import Sources
    from training.files.storage import storage_errors

    sources = Sources(tables=summary.tables, comparisons=summary.comparisons)
    paths = [folder / picture(place) for place in range(len(summary.tables))]
    with storage_errors(folder), styled():
        for table, path in zip(summary.tables, paths, strict=True):
            png(heat_map(sources, table, PAGE), path, DOTS)
    return paths


def picture(place: int) -> str:
    """The file of the model at a place; a model's own name may not be one of a file."""
    return PICTURE.format(place + 1)


def note_of(summary: Summary, opening: Sequence[str], pictures: Sequence[str]) -> str:
    """The note, Markdown, within MLflow's limit: `opening` paragraphs, then each model's answer, picture and table.

    `pictures` are addresses, one a model. What there is no room for is counted, with the command that shows it.
    """
    blocks = [line for table in summary.tables for line in _answer(table, summary.comparisons)] + [*opening]
    for place, table in enumerate(summary.tables):
        blocks.append(f"### {plain(table.model)}: intermediate task (rows) to target (columns)")
        blocks += [f"![transfer heat map]({pictures[place]})"] if place < len(pictures) else []
        caption = " ".join(line.removesuffix(OF_SEEDS) for line in caption_lines(table))
        blocks += [_table(table, summary.comparisons), f"{plain(caption)} Bold: the 95 % interval leaves 0 out."]
        blocks += _notes(table)
    return _within(blocks)


def _within(blocks: Sequence[str]) -> str:
    end = "*There is more than MLflow has room for:* `sweep table` *and* `sweep report` *show it all.*"
    note = "\n\n".join(blocks)
    if len(note) <= TAG_LIMIT:
        return note
    kept = list(blocks)
    while kept and len("\n\n".join([*kept, end])) > TAG_LIMIT:
        kept.pop()
    return "\n\n".join([*kept, end])


def _answer(table: TransferTable, comparisons: Mapping[Pair, Comparison]) -> Iterator[str]:
    """Which differences are told from 0, the largest first."""
    of = f"**{plain(table.model)}**" + (f", **{SYNTHETIC}**" if table.synthetic else "")
    known = {pair: one for pair, one in comparisons.items() if pair.model == table.model}
    if not known:
        yield f"{of}: nothing can be told from chance yet; that takes a baseline, and two seeds or evidence of finished trials."
        return
    sure = [(pair, one) for pair, one in known.items() if not one.low <= 0.0 <= one.high]
    sure.sort(key=lambda item: -abs(item[1].delta))
    up = [item for item in sure if item[1].delta > 0]
    down = [item for item in sure if item[1].delta < 0]
    said = [
        f"{of}: {len(sure)} of {len(known)} differences from no intermediate task have a 95 % interval"
        f"{_chance(known)} that leaves 0 out; not adjusted for their number."
    ]
    for word, found in (("Higher", up), ("Lower", down)):
        if found:
            rest = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
            said.append(f"**{word}**: " + ", ".join(_named(pair, one) for pair, one in found[:NAMED]) + rest + ".")
    yield " ".join(said)


def _chance(known: Mapping[Pair, Comparison]) -> str:
    """What intervals are about where that is less than seeds and items."""
    from reports.figures.sources import chance_of

    return chance_of(known.values())


def _named(pair: Pair, one: Comparison) -> str:
    return f"{plain(pair.intermediate)} → {plain(pair.target)} {one.delta:+.1f} ±{(one.high - one.low) / 2:.1f}"


def _table(table: TransferTable, comparisons: Mapping[Pair, Comparison]) -> str:
    """Rows are intermediate tasks; bold where the interval leaves 0 out."""
    averages = ["average", *(["no retr."] if table.retrieval else [])]
    lines = [
        row(["intermediate", *map(plain, table.targets), *averages]),
        "|---|" + "---:|" * (len(table.targets) + len(averages)),
    ]
    for name in table.intermediates:
        cells = [_cell(table, comparisons, name, target) for target in table.targets]
        shown = [table.averages[name], *([table.averages_without_retrieval[name]] if table.retrieval else [])]
        lines.append(row([plain(name), *cells, *(_average(one, name) for one in shown)]))
    return "\n".join(lines)


def _cell(table: TransferTable, comparisons: Mapping[Pair, Comparison], name: str, target: str) -> str:
    cell = table.cells[name][target]
    if cell.score is None:
        return MISSING
    marks = "!" * cell.collapsed + plain("*") * cell.unequal + "†" * cell.oracle
    if name == BASELINE:
        return f"{cell.score:.1f}{marks}"
    if cell.delta is None:
        return f"({cell.score:.1f}){marks}"
    one = comparisons.get(Pair(table.model, name, target))
    bold = "**" if one is not None and not one.low <= 0.0 <= one.high else ""
    return f"{bold}{round(cell.delta, 1) + 0.0:+.1f}{bold}{marks}"


def _average(one: Average, name: str) -> str:
    if one.value is None:
        return MISSING
    return f"{one.value:.1f}" if name == BASELINE else f"{round(one.value, 1) + 0.0:+.1f}"


def _notes(table: TransferTable) -> Iterator[str]:
    shown = [f"- {plain(note)}" for note in table.notes[:NOTES]]
    rest = len(table.notes) - len(shown)
    if shown:
        yield "\n".join([*shown, *([f"- and {rest} more notes: `sweep table`"] if rest > 0 else [])])
