"""Rows that other benchmarks measure or count: what their pages say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.table import Table

PAGES = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A row of the table of aims, the page that has it, and where on the page: the groups of `pattern`, wherever it fits."""

    number: int
    name: str
    aim: str
    page: str
    pattern: str

    def found(self) -> str:
        """What the page says."""
        path = PAGES / self.page
        if not path.is_file():
            return "not measured yet"
        hits = re.findall(self.pattern, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        return "; ".join(" ".join(hit) if isinstance(hit, tuple) else hit for hit in hits) or "see the page"


_AS_IT_IS = r"^\| as it is \|"
_CELL = r" ([^|]+?) \|"
_SKIP = r"[^|]*\|"
_RATIO_OF_THREE = r"^\| ([^|\n]+) \|.*\| ([\d.]+) \| [\d.]+ \| [\d.]+ \|$"
"""By medians; those of the minima and of processor time follow it."""
ROWS = (
    Elsewhere(number=5, name="tokens, naive ÷ tree", aim="≥ 5", page="compare.md", pattern=_AS_IT_IS + _CELL),
    Elsewhere(
        number=5,
        name="tokens, intermediates trained once ÷ tree",
        aim="≥ 1.3",
        page="compare.md",
        pattern=_AS_IT_IS + _SKIP + _CELL,
    ),
    Elsewhere(
        number=5,
        name="tokens, naive ÷ tree with early stopping",
        aim="≥ 15",
        page="compare.md",
        pattern=_AS_IT_IS + _SKIP * 2 + _CELL,
    ),
    Elsewhere(
        number=5,
        name="tokens, once ÷ tree with early stopping",
        aim="≥ 4",
        page="compare.md",
        pattern=_AS_IT_IS + _SKIP * 3 + _CELL,
    ),
    Elsewhere(
        number=7,
        name="all-language evaluation ÷ per-language padded",
        aim="≥ 2.8",
        page="evaluation.md",
        pattern=_RATIO_OF_THREE,
    ),
    Elsewhere(
        number=8,
        name="QA post-processing ÷ the usual loop",
        aim="≥ 20",
        page="answers.md",
        pattern=_RATIO_OF_THREE,
    ),
    Elsewhere(
        number=9,
        name="controller of ten thousand trials",
        aim="≤ 5 s",
        page="simulate.md",
        pattern=r"^\| (tree|stopping) \| [\d,]+ \|" + _SKIP * 7 + r" ([\d.]+) \|",
    ),
    Elsewhere(
        number=10,
        name="trial start, warm; cold ÷ warm",
        aim="≤ 1.5 s, ≥ 4",
        page="trial_start.md",
        pattern=r"((?:inline|train): warm [\d.]+ s) .*?, (cold ÷ warm [\d.]+)",
    ),
)


def collected() -> Table:
    """What the pages of the other rows say."""
    rows = [(row.number, row.name, row.aim, row.found(), f"[{row.page}]({row.page})") for row in ROWS]
    return Table(title="Rows of the table that other pages have", columns=("#", "what", "aim", "measured", "page"), rows=rows)


def sections() -> Iterator[list[Table]]:
    """The one table."""
    yield [collected()]
