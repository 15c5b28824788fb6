"""The plots of a study: points with intervals and fitted lines, and estimates in rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import COLOURS, DASHES, GREY, INK, MARKERS, SMALL, room_for, wide_as
from reports.figures.panels import Layout, rows_of
from reports.figures.plain import short, signed
from reports.numbers import amount
from reports.page.scales import scale
from reports.studies.finding import Bars, Finding, Plot, Strand

ROW, HIGH = 0.14, 1.5
LONGEST = 34
TALLEST_ROWS = 48
"""Rows of a picture: more are on further pages."""


def study_figures(finding: Finding) -> Iterator[Figure]:
    """A picture a plot, in the order of the page."""
    for plot in finding.plots:
        yield from [_plot(plot, finding)] if isinstance(plot, Plot) else _bars(plot, finding)


def _notes(title: str) -> list[str]:
    return [short(title, 72), "Lines at the marks: 95 % intervals."]


def _plot(plot: Plot, finding: Finding) -> Figure:
    names = [strand.name for strand in plot.strands]
    notes = _notes(plot.title)
    key = 0.13 * len(names) + 0.1
    layout = Layout(least=2.7, height=HIGH, left=0.42, notes=notes, legend=key, synthetic=finding.synthetic)
    figure, (axes,) = next(layout.pages(1))
    axes.axhline(0, color=GREY, linewidth=0.6)
    for place, strand in enumerate(plot.strands):
        _strand(axes, strand, place)
    if plot.log:
        axes.set_xscale("log")
        ticks = scale((spot.x for strand in plot.strands for spot in strand.spots), 0.0, 1.0, log=True).ticks()
        axes.set_xticks(ticks, [amount(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    _key(figure, axes, names, room_for(notes, synthetic=finding.synthetic) + 0.03)
    return figure


def _strand(axes: Axes, strand: Strand, place: int) -> None:
    colour, dashes = COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)]
    if strand.line:
        axes.plot([x for x, _ in strand.line], [y for _, y in strand.line], color=colour, linestyle=dashes, linewidth=0.9)
    for spot in strand.spots:
        if spot.low is not None and spot.high is not None:
            axes.plot((spot.x, spot.x), (spot.low, spot.high), color=colour, linewidth=0.6)
    x, y = [spot.x for spot in strand.spots], [spot.y for spot in strand.spots]
    style: dict[str, Any] = {"markersize": 3.5, "linestyle": "", "markeredgewidth": 0.4, "markeredgecolor": "white"}
    axes.plot(x, y, color=colour, marker=MARKERS[place % len(MARKERS)], label=short(strand.name, LONGEST), **style)


def _key(figure: Figure, axes: Axes, names: Sequence[str], bottom: float) -> None:
    wide, high = figure.get_size_inches()
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="lower left",
        bbox_to_anchor=(0.02 / wide, bottom / high),
        borderaxespad=0.0,
        handletextpad=0.4,
        labelspacing=0.35,
    )


def _bars(bars: Bars, finding: Finding) -> Iterator[Figure]:
    rows = [one for one in bars.rows if one.found is not None]
    for start in range(0, len(rows), TALLEST_ROWS):
        here = rows[start : start + TALLEST_ROWS]
        labels = [short(one.name, LONGEST) for one in here]
        left = 0.1 + max(wide_as(text, SMALL) for text in labels)
        notes = _notes(bars.title)
        layout = Layout(least=1.2, height=ROW * len(here), left=left, notes=notes, synthetic=finding.synthetic)
        figure, (axes,) = next(layout.pages(1))
        rows_of(axes, labels)
        axes.axvline(0, color=GREY, linewidth=0.6)
        ends = [end for one in here if one.found for end in (one.found.low, one.found.high, 0.0)]
        right = max(ends) + 0.04 * (max(ends) - min(ends) or 1.0)
        for row, one in enumerate(here):
            if one.found is not None:
                axes.plot((one.found.low, one.found.high), (row, row), color=GREY, linewidth=0.7, zorder=1)
                axes.plot(one.found.delta, row, "o", markersize=3, color=INK)
                axes.text(right, row, signed(one.found.delta), va="center", fontsize=SMALL)
        axes.set_xlim(min(ends) - 0.04 * (right - min(ends)), right + 0.22 * (right - min(ends)))
        axes.set_xlabel("points")
        yield figure
