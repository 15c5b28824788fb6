"""Small pictures of one kind beside and below each other, over as many pages as they need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import COLUMN, PAGE, SMALL, TALLEST, axes_at, blank, noted, room_for

SIDE, BETWEEN, TITLE, TICKS = 0.12, 0.1, 0.17, 0.34
"""Inches: at the right edge, between panels, above each, and below each (ticks and the axis's name)."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Sizes in inches: of each panel, what the first of a row has at its left, and the rest between the others.

    `notes` stand at the foot of every page, `legend` above them.
    """

    least: float
    height: float
    left: float
    between: float = BETWEEN
    notes: Sequence[str] = ()
    legend: float = 0.0
    synthetic: bool = False

    def width(self, count: int) -> float:
        """One column, where all panels fit into it side by side, else the page."""
        return COLUMN if self._across(COLUMN) >= count else PAGE

    def _across(self, width: float) -> int:
        return max(1, int((width - self.left - SIDE + self.between) / (self.least + self.between)))

    def pages(self, count: int) -> Iterator[tuple[Figure, list[Axes]]]:
        """Pictures with the axes of as many panels as a page has room for; the last has the rest."""
        width = self.width(count)
        across = min(count, self._across(width))
        row = TITLE + self.height + TICKS
        foot = room_for(list(self.notes), synthetic=self.synthetic) + self.legend
        rows = max(1, min(int((TALLEST - foot) / row), math.ceil(count / across)))
        for start in range(0, count, rows * across):
            here = min(rows * across, count - start)
            high = math.ceil(here / across)
            figure = blank(width, foot + row * high)
            noted(figure, list(self.notes), synthetic=self.synthetic)
            yield figure, [self._axes(figure, width, across, foot + row * high, place) for place in range(here)]

    def _axes(self, figure: Figure, width: float, across: int, top: float, place: int) -> Axes:
        row, column = divmod(place, across)
        each = (width - self.left - SIDE - self.between * (across - 1)) / across
        bottom = top - (row + 1) * (TITLE + self.height + TICKS) + TICKS
        axes = axes_at(figure, self.left + column * (each + self.between), bottom, each, self.height)
        axes.set_label("first" if column == 0 else "")
        return axes


def is_first(axes: Axes) -> bool:
    """Whether a panel is the leftmost of its row."""
    return axes.get_label() == "first"


def rows_of(axes: Axes, labels: Sequence[str]) -> None:
    """Rows from above to below, named at the leftmost panel, with a thin line each to follow."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels if is_first(axes) else [""] * len(labels), fontsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color="#ececec", linewidth=0.4)
    axes.set_axisbelow(True)
