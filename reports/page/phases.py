"""Phases that chains shared, and the hours that this saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.page.charts import lines
from reports.page.facts import Facts
from reports.page.section import Section
from training.identity import Role
from training.record import PhaseTrace, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Phases of a role: how often trials needed one, how many different ones there are, and hours of both."""

    role: str
    needed: int
    different: int
    trained: int
    hours_needed: float
    hours_different: float

    @property
    def saved(self) -> float:
        """Hours that sharing saved, against every trial training all of its phases."""
        return self.hours_needed - self.hours_different


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """A pretrained model of the project's own, with its curve."""

    model: str
    key: str
    says: str
    plot: Markup | None


def phase_section(facts: Facts) -> Section | None:
    """A row a role, and what was pretrained here; None before any phase was trained."""
    if not any(record.phases for record in facts.records):
        return None
    rows = [row for role in Role if (row := _shared(facts, role)).needed]
    values = {"rows": [*rows, _total(rows)], "unit": facts.unit, "pretraining": _pretraining(facts.records)}
    return Section(anchor="phases", title="Phases shared", template="phases.html", values=values)


def _shared(facts: Facts, role: Role) -> Shared:
    uses = [(record, phase) for record in facts.records for phase in record.phases if phase.identity.role is role]
    each = [facts.hours(record, phase.seconds) for record, phase in uses]
    different = {phase.key: hours for (_, phase), hours in zip(uses, each, strict=True)}
    return Shared(
        role=role.value,
        needed=len(uses),
        different=len(different),
        trained=len({phase.key for _, phase in uses if phase.outcome == "trained"}),
        hours_needed=sum(each),
        hours_different=sum(different.values()),
    )


def _total(rows: Sequence[Shared]) -> Shared:
    return Shared(
        role="in all",
        needed=sum(row.needed for row in rows),
        different=sum(row.different for row in rows),
        trained=sum(row.trained for row in rows),
        hours_needed=sum(row.hours_needed for row in rows),
        hours_different=sum(row.hours_different for row in rows),
    )


def curve_plot(phases: Mapping[str, PhaseTrace], says: str) -> Markup | None:
    """Training losses by step, a line a phase; None where no phase has two points."""
    curves = [_thin(phase.curve) for phase in phases.values() if len(phase.curve) > 1]
    return lines(curves, says=says, x="optimiser step", y="training loss") if curves else None


def _thin(curve: Sequence[tuple[int, float]], most: int = 60) -> list[tuple[float, float]]:
    """At most so many points, the last among them."""
    step = -(-len(curve) // most)
    kept = list(curve[::step])
    return [*kept, curve[-1]] if kept[-1] != curve[-1] else list(kept)


def _pretraining(records: Sequence[TrialRecord]) -> list[Pretraining]:
    found: dict[str, tuple[str, PhaseTrace]] = {}
    for record in records:
        for phase in record.phases:
            if phase.identity.role is Role.PRETRAIN:
                found.setdefault(phase.key, (record.model, phase))
    shown = []
    for key, (model, phase) in sorted(found.items()):
        ends = f"{phase.steps:,} steps, {phase.tokens:,} tokens, {phase.seconds:,.0f} s"
        if phase.curve:
            ends += f"; training loss {phase.curve[0][1]:.3f} to {phase.curve[-1][1]:.3f}"
        plot = curve_plot({key: phase}, f"Training loss of the pretraining of {model}")
        shown.append(Pretraining(model=model, key=key, says=ends, plot=plot))
    return shown
