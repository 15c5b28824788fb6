"""Deltas with their intervals, one a line, for the terminal and for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.cells import Pair
from reports.statistics.compare import LEVEL, Comparison, Covers

LEAST_P = 1e-4
"""Smaller p-values are shown as smaller than this."""
SAYS = {
    Covers.BOTH: "",
    Covers.ITEMS: "about the test items alone: another seed may lie outside",
    Covers.SEEDS: "about the seeds alone: no evidence of the items was kept, or not of the same ones",
}


def render_intervals(found: Mapping[Pair, Comparison]) -> RenderableType:
    """A table of all pairs, those with an interval that leaves 0 out in colour."""
    if not found:
        return Text("no interval yet: it takes a baseline, and two seeds or the evidence of finished trials")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("model", "intermediate", "target"):
        table.add_column(name, overflow="fold")
    for name in ("delta", f"{LEVEL:.0%} interval", "p", "seeds", "items"):
        table.add_column(name, justify="right")
    for pair, one in found.items():
        style = "" if one.low <= 0.0 <= one.high else "green" if one.delta > 0 else "red"
        row = (f"{one.delta:+.1f}", f"{one.low:+.1f} to {one.high:+.1f}", _p(one.p), str(one.seeds), f"{one.items or ''}")
        table.add_row(*map(escape, pair), *(Text(text, style) for text in row))
    return Group(table, *(Text(line, "dim") for line in _notes(found)))


def intervals_json(found: Mapping[Pair, Comparison]) -> list[dict[str, Any]]:
    """The same, an object a pair, floats to six decimals."""
    rows = [{**pair._asdict(), **asdict(one)} for pair, one in found.items()]
    return [{name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()} for row in rows]


def intervals_text(found: Mapping[Pair, Comparison]) -> str:
    """`intervals_json` as a file's content."""
    return json.dumps(intervals_json(found), indent=1, ensure_ascii=False) + "\n"


def _p(value: float) -> str:
    return f"<{LEAST_P:g}" if value < LEAST_P else f"{value:.4f}"


def _notes(found: Mapping[Pair, Comparison]) -> list[str]:
    kinds: dict[Covers, list[str]] = {}
    for pair, one in found.items():
        kinds.setdefault(one.covers, []).append(f"{pair.intermediate} → {pair.target}")
    told = [f"{len(pairs)} of {len(found)} intervals are {SAYS[kind]}" for kind, pairs in kinds.items() if SAYS[kind]]
    return ["Points above or below no intermediate task. p-values are not adjusted for the number of comparisons.", *told]
