"""Plots of a study as SVG: points with intervals and fitted lines, and estimates as bars with intervals, in rows."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports.numbers import signed
from reports.page.charts import BOTTOM, HEIGHT, LEFT, LOOKS, RIGHT, TOP, WIDTH, axes, chart, line, path, text
from reports.page.scales import Scale, scale
from reports.studies.finding import Bars, Estimate, Plot, Strand

ROW, NAME, VALUE = 20, 132, 44
APART, MANY = 5.0, 6
"""Between the marks of two strands at one place, and the number of strands for which there is no room any more."""
LETTER, LONGEST = 7, 26


def plot_svg(plot: Plot) -> Markup:
    """Strands over one axis; lines and marks are told apart by dashes and shape, not by colour."""
    spots = [spot for strand in plot.strands for spot in strand.spots]
    ends = [end for spot in spots for end in (spot.low, spot.high) if end is not None]
    lined = [y for strand in plot.strands for _, y in strand.line]
    ends_of_x = () if plot.log else (min(spot.x for spot in spots), max(spot.x for spot in spots))
    across = scale((spot.x for spot in spots), LEFT, WIDTH - RIGHT - 4, log=plot.log, holds=ends_of_x)
    up = scale([*(spot.y for spot in spots), *ends, *lined, 0.0], HEIGHT - BOTTOM, TOP)
    parts = [*axes(across, up, plot.x, plot.y), line("zero", LEFT, up.at(0.0), WIDTH - RIGHT, up.at(0.0))]
    for place, strand in enumerate(plot.strands):
        beside = APART * (place - (len(plot.strands) - 1) / 2) if len(plot.strands) < MANY else 0.0
        parts += _strand(strand, place, across, up, beside)
    return chart(parts, f"{plot.title}: {', '.join(strand.name for strand in plot.strands)}; the tables have the numbers")


def _strand(strand: Strand, place: int, across: Scale, up: Scale, beside: float) -> list[Markup]:
    """Its line, marks and intervals; marks stand a little `beside` their place, so that intervals do not hide each other."""
    parts = []
    if strand.line:
        points = [(across.at(x), up.at(y)) for x, y in strand.line]
        parts.append(Markup('<path class="line l{}" d="{}"/>').format(place % LOOKS, path(points)))
    for spot in strand.spots:
        x = across.at(spot.x) + beside
        if spot.low is not None and spot.high is not None:
            parts.append(line("whisker", x, up.at(spot.low), x, up.at(spot.high)))
        parts.append(mark(place, x, up.at(spot.y)))
    return parts


def mark(place: int, x: float, y: float) -> Markup:
    """A strand's mark: round, square, a triangle, a diamond, a cross."""
    forms = (
        "M{x:g} {y:g}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
        "M{x:g} {y:g}m-3.5 -3.5h7v7h-7z",
        "M{x:g} {y:g}m0 -4.5l4.5 8h-9z",
        "M{x:g} {y:g}m0 -5l5 5l-5 5l-5 -5z",
        "M{x:g} {y:g}m-1.5 -5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    )
    return Markup('<path class="spot s{}" d="{}"/>').format(place % LOOKS, forms[place % LOOKS].format(x=x, y=y))


def key_svg(place: int) -> Markup:
    """The line and mark of a strand, small, for a legend; it says nothing by itself."""
    inside = Markup('<path class="line l{}" d="M0 7H34"/>').format(place % LOOKS) + mark(place, 17, 7)
    return Markup('<svg class="swatch" viewBox="0 0 34 14" width="34" height="14" aria-hidden="true">{}</svg>').format(inside)


def bars_svg(bars: Bars) -> Markup:
    """A row an estimate, around 0, its interval as a whisker, its value at the right."""
    found = [one.found for one in bars.rows if one.found is not None]
    names = max(NAME, LETTER * min(LONGEST, max(len(one.name) for one in bars.rows)) + 8)
    across = scale([*(end for one in found for end in (one.low, one.high, one.delta)), 0.0], names, WIDTH - VALUE)
    height = ROW * len(bars.rows) + 22
    parts = [line("zero", across.at(0.0), 0, across.at(0.0), height - 18)]
    parts += [
        text("tick mid", across.at(tick), height - 5, signed(tick, 0 if tick == int(tick) else 1)) for tick in across.ticks()
    ]
    for place, one in enumerate(bars.rows):
        parts += _row(one, across, names, place * ROW)
    return chart(parts, f"{bars.title}; the tables have the numbers", height)


def _row(one: Estimate, across: Scale, names: int, top: int) -> Sequence[Markup]:
    parts = [text("name", names - 8, top + 14, one.name if len(one.name) <= LONGEST else one.name[: LONGEST - 1] + "…")]
    if one.found is None:
        return [*parts, text("tick", across.at(0.0) + 4, top + 14, "…")]
    begin, end = sorted((across.at(0.0), across.at(one.found.delta)))
    box = '<rect class="{}" x="{}" y="{}" width="{}" height="12"/>'
    look = "bar-n" if one.found.delta < 0 else "bar-p"
    parts.append(Markup(box).format(look, begin, top + 4, round(max(end - begin, 0.5), 1)))
    parts.append(line("whisker", across.at(one.found.low), top + 10, across.at(one.found.high), top + 10))
    return [*parts, text("tick", WIDTH - VALUE + 4, top + 14, signed(one.found.delta))]
