"""The cross-lingual gap: what each chain scores in English, and on average in the other languages of its target."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.cells import Cell
from reports.figures.canvas import COLOURS, GREY, INK, SMALL, wide_as
from reports.figures.panels import Layout, rows_of
from reports.figures.plain import short
from reports.figures.sources import Sources
from reports.frame import TransferTable
from reports.numbers import MINUS
from training.record import ENGLISH

ROW = 0.14
LONGEST = 20


def gap_of(cell: Cell) -> tuple[float, float] | None:
    """(score in English, unweighted mean of the other languages) in percent; None where one of them is not there."""
    others = [score for code, score in cell.languages.items() if code != ENGLISH]
    return (cell.languages[ENGLISH], statistics.fmean(others)) if ENGLISH in cell.languages and others else None


def gaps(sources: Sources, table: TransferTable) -> Iterator[Figure]:
    """One model's pages: a panel a target, a row an intermediate task; the number at the right is English minus the others."""
    targets = [target for target in table.targets if any(gap_of(table.cells[name][target]) for name in table.intermediates)]
    if not targets:
        return
    labels = [short(name, LONGEST) for name in table.intermediates]
    notes = [f"{short(table.model, 30)}. Filled: English; hollow: mean of the others; number: their gap in points."]
    left = 0.1 + max(wide_as(text, SMALL) for text in labels)
    layout = Layout(least=1.25, height=ROW * len(labels), left=left, between=0.14, notes=notes, synthetic=table.synthetic)
    waiting = iter(targets)
    for figure, panels in layout.pages(len(targets)):
        for axes, target in zip(panels, waiting, strict=False):
            rows_of(axes, labels)
            _panel(axes, [gap_of(table.cells[name][target]) for name in table.intermediates])
            axes.set_title(short(target, 22))
        yield figure


def _panel(axes: Axes, found: list[tuple[float, float] | None]) -> None:
    values = [value for gap in found if gap for value in gap]
    low, high = min(values), max(values)
    room = max(high - low, 1.0)
    for row, gap in enumerate(found):
        if gap is None:
            axes.text(low, row, "…", ha="center", va="center", fontsize=SMALL, color=GREY)
            continue
        english, others = gap
        axes.plot((others, english), (row, row), color=GREY, linewidth=0.7, zorder=1)
        axes.plot(others, row, "o", markersize=3, color=COLOURS[0], markerfacecolor="white", markeredgewidth=0.7)
        axes.plot(english, row, "o", markersize=3, color=INK)
        axes.text(
            high + 0.34 * room,
            row,
            f"{english - others:.1f}".replace("-", MINUS),
            ha="right",
            va="center_baseline",
            fontsize=SMALL,
        )
    axes.set_xlim(low - 0.08 * room, high + 0.36 * room)
    axes.set_xlabel("score in percent")
