"""What an intermediate task does in each language: a dot with its interval, a panel an intermediate task."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.cells import BASELINE, Pair
from reports.figures.canvas import COLOURS, GREY, INK, SMALL, wide_as
from reports.figures.panels import Layout, rows_of
from reports.figures.plain import short
from reports.figures.sources import Sources, chance_of, lifted
from reports.frame import TransferTable
from reports.languages_data import english_first
from training.record import ENGLISH

ROW = 0.112
LONGEST = 14


def language_dots(sources: Sources, table: TransferTable, target: str) -> Iterator[Figure]:
    """The pages of one target: differences from no intermediate task in points, a row a language, English first."""
    baseline = table.cells.get(BASELINE, {}).get(target)
    names = [name for name in lifted(table) if table.cells[name][target].delta is not None]
    if baseline is None or not names:
        return
    every = {code for name in names for code in table.cells[name][target].languages} & set(baseline.languages)
    codes = sorted(every, key=english_first)
    oracle = any(table.cells[name][target].oracle for name in [BASELINE, *names])
    notes = [f"{short(table.model, 30)} on {short(target, 30)}: points above or below no intermediate task."]
    notes += (
        [f"Line: 95 % interval{chance_of(sources.by_language.values())}; filled: it leaves 0 out."]
        if sources.by_language
        else []
    )
    notes += ["ORACLE: gold of these languages had a part in it."] if oracle else []
    labels = [short(code, LONGEST) for code in codes]
    left = 0.1 + max(wide_as(text, SMALL) for text in labels)
    layout = Layout(least=1.15, height=ROW * len(codes), left=left, notes=notes, synthetic=table.synthetic)
    ends = _ends(sources, table, target, names, codes)
    waiting = iter(names)
    for figure, panels in layout.pages(len(names)):
        for axes, name in zip(panels, waiting, strict=False):
            rows_of(axes, labels)
            _panel(axes, sources, table, Pair(table.model, name, target), codes)
            axes.set_xlim(*ends)
        yield figure


def _panel(axes: Axes, sources: Sources, table: TransferTable, pair: Pair, codes: list[str]) -> None:
    mine, other = table.cells[pair.intermediate][pair.target].languages, table.cells[BASELINE][pair.target].languages
    axes.axvline(0, color=GREY, linewidth=0.6)
    for row, code in enumerate(codes):
        if code not in mine:
            axes.text(0, row, "…", ha="center", va="center", fontsize=SMALL, color=GREY)
            continue
        one = sources.by_language.get((pair, code))
        sure = one is None or not one.low <= 0.0 <= one.high
        colour = INK if code == ENGLISH else COLOURS[0]
        if one is not None:
            axes.plot((one.low, one.high), (row, row), color=colour, linewidth=0.7, solid_capstyle="butt")
        face = colour if sure else "white"
        axes.plot(mine[code] - other[code], row, "o", markersize=2.8, color=colour, markerfacecolor=face, markeredgewidth=0.6)
    axes.set_title(short(pair.intermediate, 22))
    axes.set_xlabel("points")


def _ends(sources: Sources, table: TransferTable, target: str, names: list[str], codes: list[str]) -> tuple[float, float]:
    """Ends of the axis that all panels share: every dot, and intervals as far as the dots leave them readable."""
    other = table.cells[BASELINE][target].languages
    dots = [
        table.cells[name][target].languages[code] - other[code]
        for name in names
        for code in codes
        if code in table.cells[name][target].languages
    ]
    low, high = min([0.0, *dots]), max([0.0, *dots])
    room = max(high - low, 1.0)
    found = [
        one
        for name in names
        for code in codes
        if (one := sources.by_language.get((Pair(table.model, name, target), code))) is not None
    ]
    low = max(min([low, *(one.low for one in found)]), low - room / 2)
    high = min(max([high, *(one.high for one in found)]), high + room / 2)
    return low - 0.05 * room, high + 0.05 * room
