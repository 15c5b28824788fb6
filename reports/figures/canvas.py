"""How pictures look, and how they are written: matplotlib's object interface, without any state between two pictures.

Text stays text (TrueType in PDF, text in SVG) and equal pictures are equal bytes: no date, no random ids.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from reports.table import SYNTHETIC

COLUMN, PAGE = 3.3, 7.0
"""Widths in inches: one column of a two-column paper, and both."""
TALLEST = 9.0
"""Inches that a page has room for."""
SIZE, SMALL = 6.5, 5.5
"""Points of letters; nothing is smaller."""
INK, GREY, FAINT = "#1a1a1a", "#595959", "#d9d9d9"
DIVERGING = LinearSegmentedColormap.from_list("orange-white-blue", ["#b35806", "#f1a340", "#ffffff", "#67a9cf", "#2166ac"])
"""Apart for every kind of colour blindness, and in grey; white is no difference."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, without black (the baseline's) and yellow (too light for lines)."""
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
FORMATS = ("pdf", "svg")
_STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": SIZE,
    "axes.linewidth": 0.5,
    "axes.titlesize": SIZE,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.0,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "sweep",
    "savefig.dpi": 200,
}
_DATELESS: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Within it pictures are made and written; the user's own matplotlib settings count for nothing, and stay."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), rc_context():
            warnings.simplefilter("ignore")  # a character without a shape in the font is drawn as a box
            for name, value in [*rcParamsDefault.items(), *_STYLE.items()]:
                if not name.startswith("backend"):
                    rcParams[name] = value
            yield
    finally:
        log.setLevel(level)


def blank(width: float, height: float) -> Figure:
    """An empty picture, in inches."""
    return Figure(figsize=(width, height))


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, from the lower left."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def noted(figure: Figure, lines: list[str], *, synthetic: bool) -> None:
    """Small lines at the lower edge; the one that says that data is made up is among them."""
    wide, high = figure.get_size_inches()
    for place, line in enumerate(reversed([*lines, *([SYNTHETIC] if synthetic else [])])):
        made_up = line == SYNTHETIC
        style: dict[str, Any] = {"fontweight": "bold", "color": INK} if made_up else {"color": GREY}
        figure.text(0.04 / wide, (0.04 + place * 0.105) / high, line, fontsize=SMALL, va="bottom", **style)


def room_for(lines: list[str], *, synthetic: bool) -> float:
    """Inches that `noted` takes."""
    return 0.06 + 0.105 * (len(lines) + synthetic)


@functools.cache
def wide_as(text: str, size: float = SIZE) -> float:
    """Inches that a text takes, as the font says, and a little room."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72 + 0.02


def written(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a picture in every format; returns the files."""
    paths = [folder / f"{name}.{form}" for form in FORMATS]
    for path, form in zip(paths, FORMATS, strict=True):
        figure.savefig(path, format=form, metadata=_DATELESS[form])
    return paths


def png(figure: Figure, path: Path, dots: float) -> None:
    """Write a picture as pixels, `dots` an inch, for pages that show no other."""
    figure.savefig(path, format="png", dpi=dots, metadata=_DATELESS["png"])
