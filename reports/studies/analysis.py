"""An analysis as the parts that differ between studies, and what is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reports.cells import BASELINE
from reports.frame import TransferTable
from reports.numbers import several
from reports.statistics.transfer import Arms
from reports.studies.design import Design
from reports.studies.finding import Bars, Detail, Estimate, Finding, Fit, Plot, holm
from reports.studies.sensitivity import leave_one_out, sensitivity
from reports.studies.view import View, view_of
from training.record import Status, TrialRecord

MOST_MISSING = 12


def _nothing(view: View) -> Iterable[tuple[str, str]]:
    return ()


def _no_details(view: View) -> Iterable[Detail]:
    return ()


def _no_fits(view: View) -> Iterable[Fit]:
    return ()


def _no_notes(view: View) -> Iterable[str]:
    return ()


def _each_setting(view: View) -> Mapping[str, Sequence[str]]:
    return {f"setting {name}": (name,) for name in view.design.intermediates if name != BASELINE}


def _no_spans(view: View) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One study: each part is a function of what is complete.

    `headline` are the estimates that the answer rests on, adjusted as one family; `answer` makes sentences of them. `details`
    are further estimates, each list a family of its own. `parts` are the groups of settings that are left out one at a time,
    to see what the answer rests on; `spans` says of slopes over what range they were measured.
    """

    question: str
    headline: Callable[[View], Sequence[Estimate]]
    answer: Callable[[View, Sequence[Estimate]], Iterable[str]]
    plots: Callable[[View], Iterable[Plot | Bars]]
    varied: Callable[[View], Iterable[tuple[str, str]]] = _nothing
    details: Callable[[View], Iterable[Detail]] = _no_details
    fits: Callable[[View], Iterable[Fit]] = _no_fits
    notes: Callable[[View], Iterable[str]] = _no_notes
    parts: Callable[[View], Mapping[str, Sequence[str]]] = _each_setting
    spans: Callable[[View], Mapping[str, float]] = _no_spans


def analyse(
    analysis: Analysis, design: Design, tables: Sequence[TransferTable], arms: Arms, records: Sequence[TrialRecord]
) -> Finding:
    """The finding of a study; where nothing is complete yet, it says so and what is missing."""
    view = view_of(design, tables, arms)
    mine = [table for table in tables if table.model in design.models]
    made = Finding(
        study=design.study,
        question=analysis.question,
        design=tuple(_design(view, mine, records)),
        answer=(_nothing_yet(mine),),
        notes=tuple(_notes(view)),
        synthetic=any(table.synthetic for table in mine),
    )
    if not view.models:
        return made
    headline = holm(analysis.headline(view))
    moved = tuple(leave_one_out(view, analysis.headline, analysis.parts(view)))
    return replace(
        made,
        design=(*analysis.varied(view), *made.design),
        answer=tuple(analysis.answer(view, headline)),
        headline=headline,
        details=tuple(_adjusted(one) for one in analysis.details(view) if one.estimates),
        fits=tuple(analysis.fits(view)),
        plots=tuple(analysis.plots(view)),
        sensitivity=tuple(sensitivity(headline, moved, analysis.spans(view))),
        moved=moved,
        notes=(*analysis.notes(view), *made.notes),
    )


def _nothing_yet(tables: Sequence[TransferTable]) -> str:
    if tables and not any(BASELINE in table.cells for table in tables):
        return f"Nothing can be said: gains are over `{BASELINE}`, which is not among the grid's `intermediates`."
    return "Nothing can be said yet: no model has a complete setting beside its baseline."


def _adjusted(detail: Detail) -> Detail:
    return replace(detail, estimates=holm(detail.estimates, scopes_apart=False))


def _design(view: View, tables: Sequence[TransferTable], records: Sequence[TrialRecord]) -> Iterator[tuple[str, str]]:
    targets = dict.fromkeys(target for table in tables for target in table.targets)
    yield "models", ", ".join(view.design.models)
    yield "targets", ", ".join(targets)
    seeds = view.sheet.seeds if view.points else ()
    yield "seeds", ", ".join(map(str, seeds)) or "…"
    finished = sum(record.status is Status.FINISHED and record.model in view.design.models for record in records)
    yield "trials", f"{several(finished, 'finished trial')} of {several(len(records), 'record')}"


def _notes(view: View) -> Iterator[str]:
    if view.missing:
        first = "; ".join(view.missing[:MOST_MISSING])
        more = f"; and {len(view.missing) - MOST_MISSING} others" if len(view.missing) > MOST_MISSING else ""
        yield f"Left out, since it is not complete: {first}{more}."
    few = [
        f"{name} ({one.examples:,} of {one.budget:,})"
        for name, one in view.design.intermediates.items()
        if 0 < one.examples < one.budget
    ]
    if few:
        yield f"With fewer examples than were asked for, since there are no more: {', '.join(few)}."
    yield from view.notes
