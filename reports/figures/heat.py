"""The transfer heat map: rows are intermediate tasks, columns targets, cells points above or below no intermediate task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.cells import BASELINE, COLLAPSE, Pair
from reports.figures.canvas import (
    COLUMN,
    DIVERGING,
    FAINT,
    GREY,
    SIZE,
    SMALL,
    axes_at,
    blank,
    noted,
    room_for,
    wide_as,
)
from reports.figures.plain import short, signed
from reports.figures.sources import Sources, average_of, chance_of, columns_of
from reports.frame import TransferTable
from reports.numbers import MINUS

CELL = 0.4
"""Inches that a cell's number needs at least."""
ROW, GAP, BAR = 0.27, 0.05, 0.36
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
"""Ends of the colour scale, in points."""
LONGEST = 22


@dataclass(frozen=True)
class _Shown:
    """A cell's lines of text, what colours it (None: nothing), whether it is bold, and whether it is still missing."""

    text: str
    below: str = ""
    value: float | None = None
    bold: bool = False
    missing: bool = False


@dataclass(frozen=True)
class _Layout:
    """Inches left of the cells, of a cell, and above them; columns in a band, and whether their headings lie flat."""

    left: float
    cell: float
    head: float
    each: int
    flat: bool


def _laid_out(labels: list[str], headings: list[str], width: float) -> _Layout:
    """Cells as wide as there is room for; slanted headings need some of it at the right."""
    left = 0.1 + max(wide_as(text) for text in labels)
    longest = max(wide_as(short(heading, LONGEST)) for heading in headings)
    for flat, right in ((True, 0.1), (False, max(0.1, 0.71 * longest - CELL / 2))):
        fit = max(1, int((width - left - right - GAP) / CELL))
        each = math.ceil(len(headings) / math.ceil(len(headings) / fit))
        cell = min((width - left - right - GAP) / each, 0.8)
        if flat and longest <= cell:
            break
    return _Layout(left, cell, 0.17 if flat else 0.14 + 0.71 * longest, each, flat)


def heat_map(sources: Sources, table: TransferTable, width: float) -> Figure:
    """One model's map; what does not fit beside each other is put below, in further rows of columns."""
    labels = [short(name, LONGEST) for name in table.intermediates]
    columns = columns_of(table)
    layout = _laid_out(labels, [heading for _, heading in columns], width)
    parts = [columns[start : start + layout.each] for start in range(0, len(columns), layout.each)]
    lines = _lines(sources, table, width)
    foot = room_for(lines, synthetic=table.synthetic) + BAR
    high = ROW * len(labels) + GAP
    band = layout.head + high + GAP
    figure = blank(width, foot + band * len(parts))
    for place, part in enumerate(parts):
        bottom = foot + band * (len(parts) - 1 - place) + GAP
        axes = axes_at(figure, layout.left, bottom, layout.cell * layout.each + GAP, high)
        _band(axes, sources, table, part, layout)
        for row, text in enumerate(labels):
            axes.text(-0.05, _y(table, row) - ROW / 2, text, ha="right", va="center", fontsize=SIZE)
    _bar(figure, layout.left, foot - 0.16, min(layout.cell * layout.each, 2.2), scale_of(table), table)
    noted(figure, lines, synthetic=table.synthetic)
    return figure


def scale_of(table: TransferTable) -> float:
    """Points at both ends of the colours: the largest difference that is no collapse, rounded up."""
    cells = [cell for row in table.cells.values() for cell in row.values()]
    known = [abs(cell.delta) for cell in cells if cell.delta is not None and not cell.collapsed]
    return float(next((step for step in STEPS if step >= max(known, default=0.0)), STEPS[-1]))


def shown_in(sources: Sources, table: TransferTable, name: str, key: str) -> _Shown:
    """What a cell says; the marks are those of the table in the terminal (collapse, unequal budget, oracle)."""
    if key not in table.cells[name]:
        value = average_of(table, name, key)
        if value is None:
            return _Shown("…", missing=True)
        return _Shown(f"{value:.1f}") if name == BASELINE else _Shown(signed(value), value=value)
    cell, pair = table.cells[name][key], Pair(table.model, name, key)
    if cell.score is None:
        return _Shown("…", missing=True)
    marks = "!" * cell.collapsed + "*" * cell.unequal + "†" * cell.oracle
    if name == BASELINE or cell.delta is None:
        return _Shown((f"{cell.score:.1f}" if name == BASELINE else f"({cell.score:.1f})") + marks)
    one = sources.comparisons.get(pair)
    below = "" if one is None else f"±{(one.high - one.low) / 2:.1f}"
    return _Shown(signed(cell.delta) + marks, below, cell.delta, sources.sure(pair))


def _y(table: TransferTable, row: int) -> float:
    """Upper edge of a row, in inches from the lowest; the baseline's row stands apart."""
    return ROW * (len(table.intermediates) - row) + (GAP if row == 0 and BASELINE in table.cells else 0.0)


def _starts(table: TransferTable, part: list[tuple[str, str]], cell: float) -> list[float]:
    """Left edges of columns; averages stand apart."""
    return [place * cell + (GAP if key not in table.targets and place else 0.0) for place, (key, _) in enumerate(part)]


def _band(axes: Axes, sources: Sources, table: TransferTable, part: list[tuple[str, str]], layout: _Layout) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, layout.cell * layout.each + GAP)
    axes.set_ylim(0, ROW * len(table.intermediates) + GAP)
    starts, scale = _starts(table, part, layout.cell), scale_of(table)
    for row, name in enumerate(table.intermediates):
        for (key, _), x in zip(part, starts, strict=True):
            _cell(axes, shown_in(sources, table, name, key), (x, _y(table, row) - ROW), layout.cell, scale)
    _headings(axes, part, [x + layout.cell / 2 for x in starts], _y(table, 0) + 0.04, layout.flat)


def _cell(axes: Axes, shown: _Shown, corner: tuple[float, float], cell: float, scale: float) -> None:
    x, y = corner
    colour = "none" if shown.value is None else DIVERGING(Normalize(-scale, scale, clip=True)(shown.value))
    hatch = "//////" if shown.missing else None
    edge: dict[str, Any] = {"edgecolor": FAINT, "linewidth": 0.4}
    axes.add_patch(Rectangle((x, y), cell, ROW, facecolor=colour, hatch=hatch, clip_on=False, **edge))
    ink = "black" if isinstance(colour, str) or _light(colour) else "white"
    weight = "bold" if shown.bold else "normal"
    if shown.missing:
        axes.text(x + cell / 2, y + ROW / 2, shown.text, ha="center", va="center", color=GREY, backgroundcolor="white")
        return
    middle = y + ROW * (0.67 if shown.below else 0.5)
    size = SIZE + 0.5 if wide_as(shown.text, SIZE + 0.5) < cell else SIZE - 0.5
    axes.text(x + cell / 2, middle, shown.text, ha="center", va="center_baseline", fontsize=size, color=ink, fontweight=weight)
    if shown.below:
        axes.text(x + cell / 2, y + ROW * 0.26, shown.below, ha="center", va="center_baseline", fontsize=SMALL, color=ink)


def _light(colour: tuple[float, ...]) -> bool:
    """Whether black is the ink with more contrast (relative luminance as WCAG 2 has it): either way more than 4.5 to 1."""
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179


def _headings(axes: Axes, part: list[tuple[str, str]], centres: list[float], y: float, flat: bool) -> None:
    style: dict[str, Any] = {"ha": "center"} if flat else {"ha": "left", "rotation": 45, "rotation_mode": "anchor"}
    for (_, heading), x in zip(part, centres, strict=True):
        axes.text(x, y, short(heading, LONGEST), va="bottom", fontsize=SIZE, **style)


def _bar(figure: Figure, left: float, bottom: float, width: float, scale: float, table: TransferTable) -> None:
    axes = axes_at(figure, left, bottom, width, 0.07)
    collapsed = any(cell.collapsed for row in table.cells.values() for cell in row.values())
    mappable = ScalarMappable(Normalize(-scale, scale), DIVERGING)
    bar = figure.colorbar(mappable, cax=axes, orientation="horizontal", extend="min" if collapsed else "neither")
    bar.set_ticks([-scale, 0.0, scale], labels=[f"{MINUS}{scale:g}", "0", f"+{scale:g} points"])
    bar.outline.set_linewidth(0.4)
    axes.tick_params(labelsize=SMALL, length=1.5, width=0.4)


def _lines(sources: Sources, table: TransferTable, width: float) -> list[str]:
    """What has to be known to read it, as short lines."""
    cells = [cell for row in table.cells.values() for cell in row.values()]
    said = [f"Row '{BASELINE}': score in percent. Others: points above or below it."]
    found = [one for pair, one in sources.comparisons.items() if pair.model == table.model]
    if found:
        said += [f"±: half of the 95 % interval{chance_of(found)}.", f"Bold: {sources.bold_means}."]
    said += ["…: not complete."] if any(cell.score is None for cell in cells) else []
    said += [f"!: collapse ({signed(COLLAPSE, 0)} or worse)."] if any(cell.collapsed for cell in cells) else []
    said += ["*: unequal tuning budget."] if any(cell.unequal for cell in cells) else []
    said += ["†: an oracle, not zero-shot."] if any(cell.oracle for cell in cells) else []
    return _flowed([f"{short(table.model, 40)}.", *said], 150 if width > COLUMN else 66)


def _flowed(parts: list[str], most: int) -> list[str]:
    """Sentences joined to lines of at most so many characters."""
    lines = [""]
    for part in parts:
        lines = [*lines[:-1], f"{lines[-1]} {part}".strip()] if len(lines[-1]) + len(part) < most else [*lines, part]
    return [line for line in lines if line]
