"""What a pair costs against what it gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.cells import BASELINE, Pair
from reports.frame import TransferTable
from reports.numbers import amount, signed
from reports.page.charts import Dot, dots
from reports.page.facts import Facts, verdict_of
from reports.page.section import Section
from reports.page.words import anchor
from training.identity import Role
from training.record import TrialRecord


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One pair: hours that its trials took, and those that its phases would take alone, each trained once."""

    intermediate: str
    target: str
    link: str
    trials: int
    spent: float
    alone: float
    delta: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Costs:
    """One model's pairs, the cheapest for a point of gain first."""

    model: str
    rows: tuple[Cost, ...]
    plot: Markup


def cost_section(facts: Facts) -> Section | None:
    """A plot and a table a model that has a difference to show."""
    found = [costs for table in facts.tables if (costs := _costs(facts, table))]
    values = {"costs": found, "unit": facts.unit}
    return Section(anchor="cost", title="Cost against gain", template="cost.html", values=values) if found else None


def _costs(facts: Facts, table: TransferTable) -> Costs | None:
    rows = [
        _cost(facts, table, Pair(table.model, name, target))
        for name in table.intermediates
        for target in table.targets
        if name != BASELINE and table.cells[name][target].delta is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: -row.delta)
    points = [
        Dot(x=row.alone, y=row.delta, says=f"{row.intermediate} → {row.target}: {signed(row.delta)} for {amount(row.alone)}")
        for row in rows
    ]
    says = f"Points gained against {facts.unit} a pair needs alone; the table has the numbers"
    plot = dots(points, says=says, x=f"{facts.unit} the pair needs alone", y="points gained", zero=True)
    return Costs(model=table.model, rows=tuple(rows), plot=plot)


def _cost(facts: Facts, table: TransferTable, pair: Pair) -> Cost:
    cell = table.cells[pair.intermediate][pair.target]
    records = facts.of_pair.get(pair, ())
    return Cost(
        intermediate=pair.intermediate,
        target=pair.target,
        link=anchor("cell", *pair),
        trials=len(records),
        spent=sum(facts.hours(record, record.timing.get("seconds", 0.0)) for record in records),
        alone=_alone(facts, records),
        delta=cell.delta or 0.0,
        verdict=verdict_of(cell, facts.intervals.get(pair)),
    )


def _alone(facts: Facts, records: Sequence[TrialRecord]) -> float:
    """Hours of the phases that trials need, each counted once; pretraining, which every pair shares, is left out."""
    hours = {
        phase.key: facts.hours(record, phase.seconds)
        for record in records
        for phase in record.phases
        if phase.identity.role is not Role.PRETRAIN
    }
    evaluation = sum(facts.hours(record, record.timing.get("evaluation", 0.0)) for record in records)
    return sum(hours.values()) + evaluation
