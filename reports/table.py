"""The transfer table for the terminal, for a spreadsheet (CSV), for a committed page (Markdown) and for a program (JSON).

Equal records give equal bytes in the last three: they hold no time, no path and no machine, and numbers are rounded.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.cells import BASELINE, COLLAPSE, Cell
from reports.frame import TransferTable
from training.files.codec import to_payload
from training.tasks.registry import ROWS

MISSING = "…"
SYNTHETIC = "SYNTHETIC data (mini world)"
ROOMY, LABEL, LONG_NAME = 8, 14, 9
"""Up to so many columns have two blanks between them; the first column keeps so many characters on one line."""
WIDEST = 11
"""With more columns than XTREME's nine targets and their two averages, rows and columns change places."""
WORTH_A_NOTE = 0.05
"""Points between the official and the clean average of a target that are worth a note."""
ALL, TRAINED = "average", "average_without_retrieval"
CLEAN_MEASURES = {"tag_f1": "token accuracy", "squad": "answers by language", "mlqa": "answers by language"}
"""What the clean scorer measures, by the metric of a row."""
CSV_COLUMNS = (
    "model intermediate target split score score_sd non_english delta delta_sd setting seeds settings settings_tried "
    "settings_stopped settings_expected failed "
    "layer pooling collapse synthetic oracle labelled reason"
).split()


def render_transfer(tables: Sequence[TransferTable]) -> RenderableType:
    """All tables, one below the other, each with its caption and its notes; made to be read at 100 columns."""
    if not tables:
        return Text("no finished trial yet")
    return Group(*(part for table in tables for part in _rendered(table)))


def transfer_csv(tables: Sequence[TransferTable]) -> str:
    """One line a cell and two a row for its averages; scores in percent and deltas in points, to four decimals."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for name in table.intermediates:
            row = {"model": table.model, "intermediate": name}
            for target in table.targets:
                writer.writerow(row | _csv_cell(table.cells[name][target]))
            for label, average in ((ALL, table.averages[name]), (TRAINED, table.averages_without_retrieval[name])):
                kind = "score" if name == BASELINE else "delta"
                synthetic = str(table.synthetic).lower()
                values = {kind: _decimal(average.value), f"{kind}_sd": _decimal(average.sd), "synthetic": synthetic}
                writer.writerow(row | {"target": label} | values)
    return stream.getvalue()


def transfer_markdown(tables: Sequence[TransferTable]) -> str:
    """The tables as Markdown, with caption and notes."""
    return "\n".join(line for table in tables for line in _markdown(table))


def transfer_json(tables: Sequence[TransferTable]) -> str:
    """The tables in full, every language and every seed, as JSON; floats to six decimals."""
    return json.dumps(_rounded(to_payload(tables)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def caption_lines(table: TransferTable) -> tuple[str, ...]:
    """What the numbers are: the average, what they were chosen by, the split of each target, seeds and settings."""
    scored = [cell for row in table.cells.values() for cell in row.values() if cell.score is not None]
    tuned = [cell for cell in scored if not cell.fixed]
    splits = {target: sorted({cell.split for cell in scored if cell.target == target}) for target in table.targets}
    seeds = sorted({len(cell.seeds) for cell in tuned} or {len(cell.seeds) for cell in scored})
    settings = sorted({cell.budget for cell in tuned})
    complete = sorted({cell.settings_complete for cell in tuned})
    stopping = f" ({_counts(complete)} of them with every seed)" if any(c.stopping for c in tuned) else ""
    uneven = " (unequal inside a target: see below)" if any(cell.unequal for cell in scored) else ""
    by_split: dict[str, list[str]] = {}
    for target, names in splits.items():
        by_split.setdefault("+".join(names), []).append(target)
    unscored = by_split.pop("", [])
    where = [f"{split}: {', '.join(names)}" for split, names in sorted(by_split.items())]
    where += [f"not yet: {', '.join(unscored)}"] if unscored else []
    lines = [
        f"Row '{BASELINE}': score in percent. Other rows: points above or below it. Each score is the XTREME average:"
        " unweighted over languages, English included.",
        "Scored on " + "; ".join(where) + ".",
        f"Seeds: {_counts(seeds)}. Settings a pair: {_counts(settings)}{stopping}{uneven}, chosen on English dev data."
        + (" ± is the standard deviation over seeds." if max(seeds, default=0) >= 2 else ""),
    ]
    if table.retrieval:
        lines.append(f"Retrieval targets: {', '.join(table.retrieval)}; 'no retr.' is the average without them.")
    return tuple(lines)


def _counts(values: Sequence[int]) -> str:
    if not values:
        return "none complete"
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"


def _columns(table: TransferTable) -> list[str]:
    return [*table.targets, "avg", *(["no retr."] if table.retrieval else [])]


def _averages(table: TransferTable, name: str, joint: str) -> list[tuple[str, float | None]]:
    """What the last columns show, and the number it stands for; `*` marks an average that an unequal budget enters."""
    row = table.cells[name]
    trained = [cell for target, cell in row.items() if target not in table.retrieval]
    shown = [(table.averages[name], list(row.values())), (table.averages_without_retrieval[name], trained)]
    return [
        (_value(average.value, average.sd, name == BASELINE, "*" * any(cell.unequal for cell in cells), joint), average.value)
        for average, cells in shown[: 2 if table.retrieval else 1]
    ]


def _value(value: float | None, sd: float | None, absolute: bool, marks: str, joint: str) -> str:
    if value is None:
        return MISSING
    number = f"{value:.1f}" if absolute else f"{round(value, 1) + 0.0:+.1f}"
    return number + marks + (f"{joint}±{sd:.1f}" if sd is not None else "")


def _cell_value(cell: Cell, joint: str) -> str:
    """Delta with its sign (the score, for the baseline); `*` marks an unequal budget, `!` a collapse, `†` an oracle."""
    if cell.intermediate != BASELINE and cell.delta is None and cell.score is not None:
        return f"({cell.score:.1f})"
    absolute = cell.intermediate == BASELINE
    value, sd = (cell.score, cell.score_sd) if absolute else (cell.delta, cell.delta_sd)
    return _value(value, sd, absolute, "!" * cell.collapsed + "*" * cell.unequal + "†" * cell.oracle, joint)


def _style(value: float | None, absolute: bool) -> str:
    if value is None:
        return "dim"
    if absolute or abs(value) < 0.05:
        return ""
    return "bold red reverse" if value <= COLLAPSE else "red" if value < 0 else "green"


def _rendered(table: TransferTable) -> Iterator[RenderableType]:
    turned = len(_columns(table)) > max(WIDEST, len(table.intermediates))
    first, second = ("columns", "rows") if turned else ("rows", "columns")
    yield Text.assemble((table.model, "bold"), f": transfer from an intermediate task ({first}) to a target ({second})")
    if table.synthetic:
        yield Text(SYNTHETIC, "bold yellow")
    scored = any(cell.score is not None for row in table.cells.values() for cell in row.values())
    if scored:
        yield _turned_grid(table) if turned else _grid(table)
        for line in caption_lines(table):
            yield Text(line, "dim")
    else:
        yield Text("no cell is complete yet")
    for note in (*(_marks(table) if scored else ()), *table.notes):
        yield Text.assemble(("note ", "yellow"), note)
    yield Text("")


def _grid(table: TransferTable) -> Table:
    """A row an intermediate task, a column a target."""
    columns = _columns(table)
    grid = _empty_grid(table.intermediates, columns)
    for name in table.intermediates:
        grid.add_row(escape(name), *_shown_row(table, name), end_section=name == BASELINE)
    return grid


def _turned_grid(table: TransferTable) -> Table:
    """A row a target, a column an intermediate task: for more targets than a terminal has room for."""
    columns = _columns(table)
    grid = _empty_grid(columns, table.intermediates)
    shown = {name: _shown_row(table, name) for name in table.intermediates}
    for place, column in enumerate(columns):
        last = place + 1 == len(table.targets)
        grid.add_row(escape(column), *(shown[name][place] for name in table.intermediates), end_section=last)
    return grid


def _empty_grid(rows: Sequence[str], columns: Sequence[str]) -> Table:
    spacing = 1 if len(columns) <= ROOMY else 0
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, spacing), collapse_padding=True, pad_edge=False)
    grid.add_column("", overflow="fold", min_width=min(LABEL, max(len(name) for name in rows)))
    for column in columns:
        grid.add_column(escape(_heading(column)), justify="right", overflow="fold", min_width=5)
    return grid


def _shown_row(table: TransferTable, name: str) -> list[Text]:
    """The cells and averages of one intermediate task, coloured."""
    absolute = name == BASELINE
    cells = [Text(_cell_value(cell, "\n"), _style(cell.delta, absolute)) for cell in table.cells[name].values()]
    return cells + [Text(shown, _style(value, absolute)) for shown, value in _averages(table, name, "\n")]


def _heading(name: str) -> str:
    """A column's name over several lines where it is long, cut where its words end."""
    return name.replace(" ", "\n") if len(name) <= LONG_NAME else name.replace("_", "_\n").replace(" ", "\n")


def _marks(table: TransferTable) -> Iterator[str]:
    cells = [cell for row in table.cells.values() for cell in row.values()]
    if any(cell.score is None for cell in cells):
        yield f"{MISSING} stands for a cell that is not complete, and for every average that it belongs to"
    if any(cell.unequal for cell in cells):
        yield "* marks a score chosen from fewer settings than the others of its target, and every average that it belongs to"
    if any(cell.collapsed for cell in cells):
        yield f"! marks a collapse: {COLLAPSE:.0f} points or worse"
    if any(cell.score is not None and cell.delta is None and cell.intermediate != BASELINE for cell in cells):
        yield "(score) stands for a score in percent that has no baseline to be compared with"
    if any(cell.oracle for cell in cells):
        yield "† marks an oracle: gold of a target language had a part in it (a threshold, say), so it is not a zero-shot score"
    for name in table.intermediates:
        seen = sorted({language for cell in table.cells[name].values() for language in cell.labelled})
        if seen:
            yield f"{name}: saw labelled data in {', '.join(seen)}; its scores there are not zero-shot"
    yield from _clean_notes(table)


def _clean_notes(table: TransferTable) -> Iterator[str]:
    """A target's clean averages, where one of them is not what the official scorer says (docs/SCORES.md)."""
    for target in table.targets:
        column = [(name, table.cells[name][target]) for name in table.intermediates]
        known = [(name, cell.clean, cell.score) for name, cell in column if cell.clean is not None and cell.score is not None]
        if any(abs(clean - score) >= WORTH_A_NOTE for _, clean, score in known):
            metric = ROWS[target].metric if target in ROWS else ""
            what = f" ({CLEAN_MEASURES[metric]})" if metric in CLEAN_MEASURES else ""
            pairs = ", ".join(f"{clean:.1f} where official says {score:.1f} ({name})" for name, clean, score in known)
            yield f"{target}: clean{what} {pairs}"


def _markdown(table: TransferTable) -> Iterator[str]:
    yield f"## {_plain(table.model)}"
    yield ""
    if table.synthetic:
        yield f"**{SYNTHETIC}**"
        yield ""
    columns = _columns(table)
    yield "| " + " | ".join(["intermediate", *map(_plain, columns)]) + " |"
    yield "|---|" + "---:|" * len(columns)
    for name in table.intermediates:
        cells = [_cell_value(cell, " ") for cell in table.cells[name].values()]
        shown = cells + [text for text, _ in _averages(table, name, " ")]
        yield "| " + " | ".join([_plain(name), *(text.replace("*", "\\*") for text in shown)]) + " |"
    yield ""
    for line in caption_lines(table):
        yield f"{_plain(line)}  "
    yield ""
    for note in (*_marks(table), *table.notes):
        yield f"- {_plain(note)}"
    yield ""


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    for special in "\\`*_|<>[]":
        text = text.replace(special, f"\\{special}")
    return " ".join(text.split())


def _csv_cell(cell: Cell) -> dict[str, object]:
    return {
        "target": cell.target,
        "split": cell.split,
        "score": _decimal(cell.score),
        "score_sd": _decimal(cell.score_sd),
        "non_english": _decimal(cell.non_english),
        "delta": _decimal(cell.delta),
        "delta_sd": _decimal(cell.delta_sd),
        "setting": "" if cell.setting is None else cell.setting,
        "seeds": " ".join(str(seed) for seed in cell.seeds),
        "settings": cell.settings_complete,
        "settings_tried": cell.settings_tried,
        "settings_stopped": cell.settings_stopped,
        "settings_expected": cell.settings_expected,
        "failed": cell.failed,
        "layer": "" if cell.layer is None else cell.layer,
        "pooling": cell.pooling or "",
        "collapse": str(cell.collapsed).lower(),
        "synthetic": str(cell.synthetic).lower(),
        "oracle": str(cell.oracle).lower(),
        "labelled": " ".join(cell.labelled),
        "reason": cell.reason,
    }


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{round(value, 4) + 0.0:.4f}"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6) + 0.0
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
