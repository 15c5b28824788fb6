"""Facts with what statistics and claims make of them: what a page says beyond its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reports.claims.judge import judge
from reports.page.facts import Facts
from reports.statistics.averages import WITHOUT_RETRIEVAL, averages_of
from reports.statistics.curse import curses_of
from reports.statistics.effects import effects_of
from reports.statistics.families import Method, adjusted
from reports.statistics.transfer import Arms, interval_of_arms
from reports.studies.registry import finding_of

QUICK = 600
"""Observations whose mixed model is fitted in about a second."""


def concluded(facts: Facts, arms: Arms, sources: Mapping[str, str] | None = None, most: int | None = QUICK) -> Facts:
    """The facts with intervals, averages, effects, luck, claims and finding; `sources` is what each model was made from.

    Mixed models of more than `most` observations are left out.
    """
    intervals, averages = interval_of_arms(facts.tables, arms), averages_of(facts.tables, arms)
    spans = {
        (one.model, one.intermediate, one.over != WITHOUT_RETRIEVAL): (one.found.low, one.found.high)
        for one in averages
        if one.found is not None
    }
    return replace(
        facts,
        intervals=intervals,
        adjusted=adjusted(intervals, Method.HOLM),
        adjustment="Holm, over all of a model's differences",
        average_spans=spans,
        discovery=adjusted(intervals, Method.BENJAMINI_HOCHBERG),
        averages=averages,
        effects=effects_of(facts.tables, facts.records, most=most),
        curses=curses_of(facts.tables, facts.records),
        claims=judge(facts.tables, arms, facts.records, sources),
        finding=finding_of(facts.design, facts.tables, arms, facts.records) if facts.design else None,
    )
