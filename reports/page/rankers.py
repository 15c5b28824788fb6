"""How good cheap rankings of intermediate tasks were, against what was then run."""

from __future__ import annotations

from dataclasses import dataclass

from reports.numbers import amount, number, signed
from reports.page.facts import Facts
from reports.page.section import Section
from reports.ranking.judging import AT, MEANS, Judged, Ranking, Summary, ranking, summaries


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """One measure on one target: its order, and cells of text: regret and chance by k, correlation, tasks, seconds."""

    target: str
    measure: str
    order: tuple[str, ...]
    cells: tuple[str, ...]


def rankers_section(facts: Facts) -> Section | None:
    """A table a model; None where nothing was ranked."""
    tables = {table.model: table for table in facts.tables}
    found = []
    for name, table in tables.items():
        judged = [ranking(signals, table) for signals in facts.signals if signals.model == name]
        rows = [row for one in judged for row in _rows(one)]
        found += [(name, rows, [_mean(one) for one in summaries(judged)])] if rows else []
    means = [(name, MEANS[name]) for name in MEANS if any(row.measure == name for _, rows, _ in found for row in rows)]
    values = {"models": found, "at": AT, "means": means}
    return Section(anchor="rankers", title="Ranked beforehand", template="rankers.html", values=values) if found else None


def _rows(one: Ranking) -> list[Ranker]:
    judged, rows = {each.measure: each for each in one.judged}, []
    for measure, order in one.orders.items():
        cells = [""] * (2 * len(AT) + 2)
        if measure in judged:
            each = judged[measure]
            cells = [*_against_chance(each), _correlation(each), str(each.tasks)]
        cells.append(amount(one.signals.seconds))
        rows.append(Ranker(target=one.signals.target, measure=measure, order=tuple(order), cells=tuple(cells)))
    return rows


def _mean(one: Summary) -> tuple[str, tuple[str, ...]]:
    return one.measure, (*_against_chance(one), _correlation(one), str(one.targets))


def _against_chance(judged: Judged | Summary) -> list[str]:
    """Regret and chance, for each number of tasks that would be tried."""
    return [number(values[k]) if k in values else "…" for k in AT for values in (judged.regret, judged.chance)]


def _correlation(judged: Judged | Summary) -> str:
    return "…" if judged.correlation is None else signed(judged.correlation, 2)
