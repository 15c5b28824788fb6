"""Published numbers beside the user's own, for targets that both have."""

from __future__ import annotations

from dataclasses import dataclass

from reports.cells import BASELINE
from reports.frame import TransferTable
from reports.numbers import number, signed
from reports.page.facts import Facts
from reports.page.published_data import MODEL, Published, published
from reports.page.section import Section


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A published number, and what this run has in its place (`…` where it has nothing)."""

    known: Published
    mine: str
    task: str
    split: str


def published_section(facts: Facts) -> Section | None:
    """A table a model; None where no target is one of the study's."""
    found = [(table.model, rows) for table in facts.tables if (rows := _rows(table))]
    values = {"models": found, "theirs": MODEL}
    return Section(anchor="published", title="Published numbers", template="published.html", values=values) if found else None


def _rows(table: TransferTable) -> list[Beside]:
    return [_beside(table, one) for target in table.targets for one in published(target)]


def _beside(table: TransferTable, one: Published) -> Beside:
    task = one.intermediate
    if task == "best":
        known = [
            (cell.score, name)
            for name, row in table.cells.items()
            if name != BASELINE and (cell := row[one.target]).score is not None
        ]
        task = max(known)[1] if known else ""
    here = table.cells[task][one.target] if task in table.cells else None
    if here is None:
        return Beside(known=one, mine="…", task="", split="")
    is_score = one.intermediate in (BASELINE, "best")
    mine = number(here.score) if is_score else signed(here.delta)
    return Beside(known=one, mine=mine, task=task if one.intermediate == "best" else "", split=here.split)
