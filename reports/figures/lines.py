"""Lines and marks that stand for intermediate tasks, the same in every picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.cells import BASELINE
from reports.figures.canvas import COLOURS, DASHES, INK, MARKERS, SMALL, wide_as
from reports.figures.plain import short

LONGEST = 20


def look(names: Sequence[str], name: str) -> dict[str, Any]:
    """A line's colour and dashes: the baseline's is black and solid."""
    if name == BASELINE:
        return {"color": INK, "linestyle": "-", "linewidth": 1.1}
    place = [one for one in names if one != BASELINE].index(name)
    dashes = DASHES[place // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": dashes, "linewidth": 0.9}


def mark(names: Sequence[str], name: str) -> dict[str, Any]:
    """A mark's colour and shape."""
    if name == BASELINE:
        return {"color": INK, "marker": "x"}
    place = [one for one in names if one != BASELINE].index(name)
    shape = MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
    return {"color": COLOURS[place % len(COLOURS)], "marker": shape}


def legend_room(names: Sequence[str], width: float) -> tuple[int, float]:
    """(columns, inches of height) of a legend of all names."""
    across = max(1, int((width - 0.1) / (0.42 + max(wide_as(short(name, LONGEST), SMALL) for name in names))))
    return across, 0.13 * -(-len(names) // across) + 0.1


def legend(figure: Figure, names: Sequence[str], bottom: float, *, marks: bool = False) -> None:
    """A legend of all names, its lower edge `bottom` inches from the picture's."""
    wide, high = figure.get_size_inches()
    style: dict[str, Any] = {"linestyle": "", "markersize": 3.5}
    handles = [Line2D([], [], **(style | mark(names, name) if marks else look(names, name))) for name in names]
    figure.legend(
        handles,
        [short(name, LONGEST) for name in names],
        loc="lower left",
        bbox_to_anchor=(0.02 / wide, bottom / high),
        ncols=legend_room(names, wide)[0],
        borderaxespad=0.0,
        handlelength=2.2,
        handletextpad=0.4,
        columnspacing=0.9,
        labelspacing=0.35,
    )
