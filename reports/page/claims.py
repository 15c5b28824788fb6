"""What the sweep's own records say of the study's claims."""

from __future__ import annotations

from dataclasses import dataclass

from reports.claims.study import VERSION
from reports.claims.verdicts import Answer, Ruling, Verdict
from reports.numbers import signed, span
from reports.page.facts import Facts
from reports.page.section import Section


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One claim: its questions with the contrasts that were measured, as text, and what is missing."""

    number: int
    says: str
    ruling: Ruling
    questions: tuple[tuple[str, Ruling, tuple[tuple[str, ...], ...]], ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def claims_section(facts: Facts) -> Section | None:
    """Every claim a model; None before the first record."""
    models = list(dict.fromkeys(one.model for one in facts.claims))
    found = [(model, [_judged(one) for one in facts.claims if one.model == model]) for model in models]
    values = {"models": found, "version": VERSION}
    return Section(anchor="claims", title="The study's claims", template="claims.html", values=values) if found else None


def _judged(verdict: Verdict) -> Judged:
    questions = tuple(
        (found.asks, found.ruling, tuple(_answer(one) for one in found.answers if one.delta is not None))
        for found in verdict.found
    )
    lack = verdict.lack
    parts = (("no trial of", lack.intermediates), ("no trial on", lack.targets), ("not finished:", lack.unfinished))
    missing = [f"{what} {', '.join(names)}" for what, names in parts if names]
    missing += ["two seeds or more"] if lack.seeds else []
    return Judged(
        number=verdict.number,
        says=verdict.says,
        ruling=verdict.ruling,
        questions=questions,
        missing=(*missing, *lack.other),
        notes=tuple(note.removesuffix(".") for note in verdict.notes),
    )


def _answer(one: Answer) -> tuple[str, ...]:
    interval = "" if one.low is None or one.high is None else span(one.low, one.high)
    theirs = "" if one.published is None else f"{signed(one.published.value)} ({one.published.trust})"
    return (one.compares, signed(one.delta), interval, str(one.ruling), theirs)
