"""How good cheap rankings of intermediate tasks were, against what was then run."""

from __future__ import annotations

from dataclasses import dataclass

from reports.page.facts import Facts
from reports.page.section import Section
from reports.page.words import amount, number, signed
from reports.ranking.judging import AT, MEANS, ranking


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """One measure on one target: its order, and cells of text: regret and chance by k, correlation, tasks, seconds."""

    target: str
    measure: str
    order: tuple[str, ...]
    cells: tuple[str, ...]


def rankers_section(facts: Facts) -> Section | None:
    """A table a model; None where nothing was ranked."""
    found = [(table.model, rows) for table in facts.tables if (rows := _rows(facts, table.model))]
    means = [(name, MEANS[name]) for name in MEANS if any(row.measure == name for _, rows in found for row in rows)]
    values = {"models": found, "at": AT, "means": means}
    return Section(anchor="rankers", title="Ranked beforehand", template="rankers.html", values=values) if found else None


def _rows(facts: Facts, model: str) -> list[Ranker]:
    tables = {table.model: table for table in facts.tables}
    rows = []
    for signals in (one for one in facts.signals if one.model == model):
        one = ranking(signals, tables.get(model))
        judged = {each.measure: each for each in one.judged}
        for measure, order in one.orders.items():
            cells = [""] * (2 * len(AT) + 2)
            if measure in judged:
                each = judged[measure]
                regrets = [f"{number(values[k])}" if k in values else "…" for k in AT for values in (each.regret, each.chance)]
                cells = [*regrets, "…" if each.correlation is None else signed(each.correlation, 2), str(each.tasks)]
            row = Ranker(target=signals.target, measure=measure, order=tuple(order), cells=(*cells, amount(signals.seconds)))
            rows.append(row)
    return rows
