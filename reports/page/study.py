"""The study that a grid was made for: its question, the answer with its numbers, what was varied, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from reports.numbers import number, signed, span
from reports.page.facts import Facts
from reports.page.plots import bars_svg, key_svg, plot_svg
from reports.page.section import Section
from reports.studies.finding import Bars, Estimate, Fit, Plot
from reports.studies.says import narrow

TITLE = "The study: {}"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot with its title, and of several strands the key: (mark, name)."""

    title: str
    svg: Markup
    key: tuple[tuple[Markup, str], ...] = ()


def study_section(facts: Facts) -> Section | None:
    """The finding; None where the grid names no study."""
    finding = facts.finding
    if finding is None:
        return None
    values = {
        "finding": finding,
        "name": finding.study.replace("_", " "),
        "headline": [_row(one) for one in finding.headline],
        "details": [(detail.title, [_row(one) for one in detail.estimates]) for detail in finding.details],
        "fits": [_fit(one) for one in finding.fits],
        "moved": [(one.without, "yes" if one.changed else "no", *_row(one.estimate)) for one in finding.moved],
        "pictures": [_picture(one) for one in finding.plots],
        "narrow": narrow(finding.headline),
    }
    title = TITLE.format(finding.study.replace("_", " "))
    return Section(anchor="study", title=title, template="study.html", values=values)


def _row(one: Estimate) -> tuple[str, ...]:
    """Name, over, size, interval, adjusted p, unit, ruling."""
    if one.found is None:
        return (one.name, one.over, "…", one.why, "…", one.unit, one.ruling.value)
    digits = 2 if abs(one.found.delta) < 10 else 1
    p = "…" if one.adjusted is None else "<0.0001" if one.adjusted < 1e-4 else f"{one.adjusted:.4f}"
    interval = span(one.found.low, one.found.high)
    return (one.name, one.over, signed(one.found.delta, digits), interval, p, one.unit, one.ruling.value)


def _fit(one: Fit) -> tuple[str, ...]:
    low, high = (number(end, 2) if end is not None else "no end" for end in (one.low, one.high))
    interval = "…" if one.low is None and one.high is None else f"{low} to {high}"
    return (one.name, number(one.value, 2), interval, one.says)


def _picture(one: Plot | Bars) -> Picture:
    if isinstance(one, Bars):
        return Picture(title=one.title, svg=bars_svg(one))
    key = tuple((key_svg(place), strand.name) for place, strand in enumerate(one.strands))
    return Picture(title=one.title, svg=plot_svg(one), key=key)
