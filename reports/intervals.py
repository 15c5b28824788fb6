"""Deltas and their averages with intervals, one a line, for the terminal and for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.cells import Pair
from reports.statistics.averages import AverageDelta
from reports.statistics.compare import LEVEL, Comparison, Covers
from reports.statistics.families import Method, adjusted, family_sizes

LEAST_P = 1e-3
"""Smaller p-values are shown as smaller than this."""
MOST_REASONS = 8
"""Reasons that are shown one by one."""
SAYS = {
    Covers.BOTH: "",
    Covers.ITEMS: "about the test items alone: another seed may lie outside",
    Covers.SEEDS: "about the seeds alone: no evidence of the items was kept, or not of the same ones",
}


def render_intervals(found: Mapping[Pair, Comparison], averages: Sequence[AverageDelta] = ()) -> RenderableType:
    """A table of all pairs, then one of the averages; those with an interval that leaves 0 out in colour."""
    if not found:
        return Text("no interval yet: it takes a baseline, and two seeds or the evidence of finished trials")
    holm, false_share = adjusted(found, Method.HOLM), adjusted(found, Method.BENJAMINI_HOCHBERG)
    parts: list[RenderableType] = []
    for model in family_sizes(found):
        table = _table("intermediate", "target", right=("p", "Holm", "B-H", "seeds"))
        for pair, one in found.items():
            if pair.model == model:
                row = (*_estimate(one), _p(one.p), _p(holm[pair]), _p(false_share[pair]), str(one.seeds))
                table.add_row(escape(pair.intermediate), escape(pair.target), *(Text(text, _style(one)) for text in row))
        parts += [Text(f"\n{model}: deltas", "bold"), table]
    parts += [Text(line, "dim") for line in _notes(found)]
    for model in dict.fromkeys(one.model for one in averages):
        mine = [one for one in averages if one.model == model]
        parts += [Text(f"\n{model}: averages over targets", "bold"), _render_averages(mine)]
    return Group(*parts, *(Text(line, "dim") for line in _average_notes(averages)))


def intervals_json(found: Mapping[Pair, Comparison]) -> list[dict[str, Any]]:
    """The pairs, an object each, floats to six decimals; `family` is the model whose deltas p-values are adjusted for."""
    sizes = family_sizes(found)
    corrected = {method: adjusted(found, method) for method in Method}
    return [
        _rounded(
            {**pair._asdict(), **asdict(one)}
            | {f"p_{method}": values[pair] for method, values in corrected.items()}
            | {"family": pair.model, "family_size": sizes[pair.model]}
        )
        for pair, one in found.items()
    ]


def averages_json(averages: Sequence[AverageDelta]) -> list[dict[str, Any]]:
    """The averages, an object each: with an interval, or with what is missing."""
    rows = []
    for one in averages:
        said = {name: value for name, value in asdict(one).items() if name != "found"}
        rows.append(_rounded({**said, **(asdict(one.found) if one.found else {"delta": None})}))
    return rows


def intervals_text(found: Mapping[Pair, Comparison], averages: Sequence[AverageDelta] = ()) -> str:
    """Both as a file's content: an object with `pairs` and `averages`."""
    content = {"pairs": intervals_json(found), "averages": averages_json(averages)}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _render_averages(averages: Sequence[AverageDelta]) -> Table:
    table = _table("intermediate", "average over", right=("p", "seeds"))
    for average in averages:
        over = f"{average.over} ({len(average.targets)})"
        one = average.found
        row = (*_estimate(one), _p(one.p), str(one.seeds)) if one else ("…", "", "", "")
        style = _style(one) if one else "dim"
        table.add_row(escape(average.intermediate), escape(over), *(Text(text, style) for text in row))
    return table


def _average_notes(averages: Sequence[AverageDelta]) -> Iterator[str]:
    if not averages:
        return
    yield "Averages are over these targets or not given at all: never over fewer. Their p-values are not adjusted."
    reasons = dict.fromkeys(reason for one in averages for reason in one.missing)
    for reason in list(reasons)[:MOST_REASONS]:
        yield f"missing: {reason}"
    if len(reasons) > MOST_REASONS:
        yield f"and {len(reasons) - MOST_REASONS} other reasons; --json has them all"
    yield from dict.fromkeys(one.note for one in averages if one.note)


def _table(*names: str, right: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        table.add_column(name, overflow="fold")
    for name in ("delta", f"{LEVEL:.0%} interval", *right):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _estimate(one: Comparison) -> tuple[str, str]:
    return f"{one.delta:+.1f}", f"{one.low:+.1f} to {one.high:+.1f}"


def _style(one: Comparison) -> str:
    return "" if one.low <= 0.0 <= one.high else "green" if one.delta > 0 else "red"


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


def _p(value: float) -> str:
    return f"<{LEAST_P:g}" if value < LEAST_P else f"{value:.3f}"


def _notes(found: Mapping[Pair, Comparison]) -> list[str]:
    kinds: dict[Covers, list[str]] = {}
    for pair, one in found.items():
        kinds.setdefault(one.covers, []).append(f"{pair.intermediate} → {pair.target}")
    told = [f"{len(pairs)} of {len(found)} intervals are {SAYS[kind]}" for kind, pairs in kinds.items() if SAYS[kind]]
    families = ", ".join(f"{model}: {size}" for model, size in family_sizes(found).items())
    return [
        "Points above or below no intermediate task. Intervals and p are of one comparison at a time.",
        f"Holm and B-H (Benjamini-Hochberg): p adjusted for all deltas of a model's table ({families}).",
        *told,
    ]
