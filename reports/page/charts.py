"""Small charts as SVG: lines, dots, and bars with intervals. Every word in them is escaped; colours are the style sheet's.

A chart is a picture with a text alternative (`says`); its numbers stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.numbers import amount, signed
from reports.page.scales import Scale, scale, spans_factors
from reports.page.words import visible

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 36
LOOKS = 5
"""Lines are told apart by so many dash patterns."""
ROW, NAME = 20, 84


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A point; `look` is a class of the style sheet (`cross` draws one). `says` is a tooltip, for ten times the bytes."""

    x: float
    y: float
    says: str = ""
    look: str = "dot"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row of a bar chart, from 0 to `value` (None: no value), with its interval where it has one."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None


def lines(series: Sequence[Sequence[tuple[float, float]]], *, says: str, x: str, y: str) -> Markup:
    """Lines through points (x, y), one a series."""
    points = [point for one in series for point in one]
    across = scale((point[0] for point in points), LEFT, WIDTH - RIGHT, holds=(0.0,))
    up = scale((point[1] for point in points), HEIGHT - BOTTOM, TOP)
    paths = [
        Markup('<path class="line l{}" d="{}"/>').format(place % LOOKS, path([(across.at(a), up.at(b)) for a, b in one]))
        for place, one in enumerate(series)
    ]
    return chart([*axes(across, up, x, y), *paths], says)


def dots(points: Sequence[Dot], *, says: str, x: str, y: str, zero: bool = False) -> Markup:
    """Points; the x axis is by factors where that tells them apart better. `zero` draws the line y = 0."""
    values = [dot.x for dot in points]
    across = scale(values, LEFT, WIDTH - RIGHT, log=spans_factors(values))
    up = scale([*(dot.y for dot in points), *([0.0] if zero else [])], HEIGHT - BOTTOM, TOP)
    base = [line("zero", LEFT, up.at(0.0), WIDTH - RIGHT, up.at(0.0))] if zero else []
    named = [_dot(across.at(dot.x), up.at(dot.y), dot) for dot in points if dot.says]
    looks = dict.fromkeys(dot.look for dot in points if not dot.says)
    marks = [
        _marks(look, [(across.at(dot.x), up.at(dot.y)) for dot in points if dot.look == look and not dot.says])
        for look in looks
    ]
    return chart([*axes(across, up, x, y), *base, *marks, *named], says)


def bars(rows: Sequence[Bar], *, says: str) -> Markup:
    """Differences as bars to the left and right of 0, named at their side, their intervals as whiskers."""
    ends = [value for bar in rows for value in (bar.value, bar.low, bar.high) if value is not None]
    across = scale((*ends, 0.0), NAME, WIDTH - 44)
    height = ROW * len(rows) + 22
    parts = [line("zero", across.at(0.0), 0, across.at(0.0), height - 18)]
    for tick in across.ticks():
        parts.append(text("tick mid", across.at(tick), height - 5, signed(tick, 0 if tick == int(tick) else 1)))
    for place, bar in enumerate(rows):
        parts += _bar(bar, across, place * ROW)
    return chart(parts, says, height)


def _bar(bar: Bar, across: Scale, top: int) -> list[Markup]:
    parts = [text("name", NAME - 8, top + 14, _cut(bar.name))]
    if bar.value is None:
        return [*parts, text("tick", across.at(0.0) + 4, top + 14, "…")]
    begin, end = sorted((across.at(0.0), across.at(bar.value)))
    look = "bar-n" if bar.value < 0 else "bar-p"
    box = '<rect class="{}" x="{}" y="{}" width="{}" height="12"/>'
    parts.append(Markup(box).format(look, begin, top + 4, round(max(end - begin, 0.5), 1)))
    if bar.low is not None and bar.high is not None:
        parts.append(line("whisker", across.at(bar.low), top + 10, across.at(bar.high), top + 10))
    parts.append(text("tick", WIDTH - 40, top + 14, signed(bar.value)))
    return parts


def axes(across: Scale, up: Scale, x: str, y: str) -> list[Markup]:
    """Both axes with their ticks and names."""
    floor, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [line("axis", LEFT, floor, right, floor), line("axis", LEFT, TOP, LEFT, floor)]
    for tick in across.ticks():
        parts.append(text("tick mid", across.at(tick), floor + 14, amount(tick)))
    for tick in up.ticks():
        parts.append(line("grid", LEFT, up.at(tick), right, up.at(tick)))
        parts.append(text("tick end", LEFT - 5, up.at(tick) + 4, amount(tick)))
    parts.append(text("label mid", (LEFT + right) / 2, HEIGHT - 6, x))
    turned = '<text class="label mid" transform="translate(11 {}) rotate(-90)">{}</text>'
    return [*parts, Markup(turned).format(HEIGHT / 2 - 12, visible(y))]


def _dot(x: float, y: float, dot: Dot) -> Markup:
    shape = '<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
    return Markup(shape).format(dot.look, x, y, 6 if "chosen" in dot.look else 4, visible(dot.says))


def _marks(look: str, places: Iterable[tuple[float, float]]) -> Markup:
    """Many like marks as one path: crosses, or lines of no length whose round ends are dots."""
    form = "M{:g} {:g}m-3-3l6 6m0-6l-6 6" if look == "cross" else "M{:g} {:g}h0"
    return Markup('<path class="{}" d="{}"/>').format(f"marks {look}", "".join(form.format(*place) for place in places))


def path(points: Iterable[tuple[float, float]]) -> str:
    """A line through points, as a path's `d`."""
    found = list(points)
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in found) if found else ""


def line(look: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """A straight line; `look` is a class of the style sheet."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(look, x1, y1, x2, y2)


def text(look: str, x: float, y: float, words: str) -> Markup:
    """Words at a place, escaped."""
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(look, x, y, visible(words))


def _cut(name: str) -> str:
    return name if len(name) <= 12 else name[:11] + "…"


def chart(parts: Sequence[Markup], says: str, height: int = HEIGHT) -> Markup:
    """The whole picture, with its text alternative."""
    inside = Markup("").join(parts)
    frame = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(frame).format(WIDTH, height, visible(says), inside)
