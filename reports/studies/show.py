"""A finding for the terminal, for a program, and as a CSV file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reports.numbers import number, signed, span
from reports.studies.finding import Estimate, Finding, Fit, Plot, Ruling
from reports.studies.says import narrow
from reports.table import SYNTHETIC

STYLES = {Ruling.ABOVE: "green", Ruling.BELOW: "red"}
COLUMNS = "study part estimate over unit size low high p p_adjusted seeds items covers says synthetic".split()


def finding_json(finding: Finding) -> str:
    """The whole finding, floats to six decimals; each estimate has its `ruling`."""
    content = {
        "study": finding.study,
        "question": finding.question,
        "synthetic": finding.synthetic,
        "answer": list(finding.answer),
        "design": [list(pair) for pair in finding.design],
        "headline": [_estimate(one) for one in finding.headline],
        "fits": [asdict(one) for one in finding.fits],
        "details": [{"title": one.title, "estimates": [_estimate(each) for each in one.estimates]} for one in finding.details],
        "sensitivity": list(finding.sensitivity),
        "left_out": [{"without": one.without, "changed": one.changed, **_estimate(one.estimate)} for one in finding.moved],
        "plots": [asdict(one) for one in finding.plots if isinstance(one, Plot)],
        "notes": list(finding.notes),
    }
    return json.dumps(_rounded(content), indent=1, ensure_ascii=False) + "\n"


def finding_csv(finding: Finding) -> str:
    """A line an estimate: what the answer rests on, the details, and the headline with one part left out."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    parts = [("headline", one) for one in finding.headline]
    parts += [(detail.title, one) for detail in finding.details for one in detail.estimates]
    parts += [(f"without {moved.without}", moved.estimate) for moved in finding.moved]
    for part, one in parts:
        row = {"study": finding.study, "part": part, **_flat(one), "synthetic": str(finding.synthetic).lower()}
        writer.writerow(row)
    return stream.getvalue()


def render_finding(finding: Finding) -> RenderableType:
    """Question, answer, the estimates that it rests on, fitted curves, and what would change it."""
    parts: list[RenderableType] = [Text(finding.question, "bold")]
    parts += [Text(SYNTHETIC, "bold yellow")] if finding.synthetic else []
    parts += [Text(), *(Text(sentence) for sentence in finding.answer)]
    caution = narrow(finding.headline)
    parts += [Text(caution, "dim")] if caution else []
    if finding.headline:
        parts += [Text("\nWhat the answer rests on", "bold"), _table(finding.headline)]
    if finding.fits:
        parts += [Text("Fitted curves", "bold"), _fits(finding.fits)]
    parts += _lines("What would change it", finding.sensitivity)
    parts += _lines("What was varied", [f"{what}: {much}" for what, much in finding.design])
    parts += [Text(line, "dim") for line in finding.notes]
    return Group(*parts)


def _lines(title: str, lines: Sequence[str]) -> Iterator[RenderableType]:
    if lines:
        yield Text(f"\n{title}" if title != "What would change it" else title, "bold")
        yield from (Text(f"- {line}") for line in lines)


def _table(estimates: Sequence[Estimate]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("what", "over", "size", "95 % interval", "Holm", "says"):
        right = name in ("size", "95 % interval", "Holm")
        table.add_column(name, overflow="fold", justify="right" if right else "left", no_wrap=right)
    for one in estimates:
        style = STYLES.get(one.ruling, "")
        found = one.found
        size, interval = (signed(found.delta, 2), span(found.low, found.high)) if found else ("…", "")
        p = "" if one.adjusted is None else "<0.001" if one.adjusted < 1e-3 else f"{one.adjusted:.3f}"
        says = one.ruling.value if found else one.why
        table.add_row(
            escape(f"{one.name} ({one.unit})"), escape(one.over), *(Text(cell, style) for cell in (size, interval, p, says))
        )
    return table


def _fits(fits: Sequence[Fit]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("what", "value", "confidence set", "says"):
        table.add_column(name, overflow="fold", justify="right" if name == "value" else "left")
    for one in fits:
        low, high = (number(end, 2) if end is not None else "no end" for end in (one.low, one.high))
        open_ended = one.low is None and one.high is None
        table.add_row(escape(one.name), number(one.value, 2), "…" if open_ended else f"{low} to {high}", escape(one.says))
    return table


def _estimate(one: Estimate) -> dict[str, Any]:
    """An estimate as an object, its interval in it."""
    return {**_flat(one), "why": one.why}


def _flat(one: Estimate) -> dict[str, Any]:
    found = one.found
    return {
        "estimate": one.name,
        "over": one.over,
        "unit": one.unit,
        "size": None if found is None else round(found.delta, 6),
        "low": None if found is None else round(found.low, 6),
        "high": None if found is None else round(found.high, 6),
        "p": None if found is None else float(f"{found.p:.6g}"),
        "p_adjusted": None if one.adjusted is None else float(f"{one.adjusted:.6g}"),
        "seeds": None if found is None else found.seeds,
        "items": None if found is None else found.items,
        "covers": None if found is None else found.covers.value,
        "says": one.ruling.value,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, (list, tuple)) else value
