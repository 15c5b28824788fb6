"""The choice of a run folder's chains, with what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reports.selection import Chosen, Rule, select
from sweep.foreseen import Tell, current_records, tables_from
from sweep.runfolder import read_mark
from training.errors import UserError
from training.record import TrialRecord


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was chosen by target, why there is nothing for others, what could not be kept, and lines of where things are."""

    chosen: Mapping[str, Chosen]
    records: Mapping[str, TrialRecord]
    missing: Mapping[str, str]
    failed: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """All of it but the records, for a program."""
        return {
            "chosen": {target: {**asdict(one), **self.kept.get(target, {})} for target, one in self.chosen.items()},
            "missing": dict(self.missing),
            "failed": dict(self.failed),
        }


def choose(run: Path, rule: str, targets: Sequence[str], model: str | None, tell: Tell) -> Selection:
    """The best chains of a run folder's latest launch; `tell` hears of damaged records, which are left out.

    Raises UserError where a name given is none of it.
    """
    mark = read_mark(run)
    records = current_records(run, mark, tell)
    tables = tables_from(records, mark)
    _check("model", [model] if model else [], [table.model for table in tables])
    _check("target", targets, [target for table in tables for target in table.targets])
    tables = [table for table in tables if model in (None, table.model)]
    found = select(tables, records, Rule(rule))
    wanted = set(targets) or {*found.chosen, *found.missing}
    chosen = {target: one for target, one in found.chosen.items() if target in wanted}
    return Selection(
        chosen=chosen,
        records={record.trial: record for record in records if record.trial in {one.trial for one in chosen.values()}},
        missing={target: reason for target, reason in found.missing.items() if target in wanted},
    )


def _check(what: str, named: Sequence[str], known: Sequence[str]) -> None:
    for name in named:
        if name not in known:
            raise UserError(f"the sweep has no such {what}", name, f"its {what}s are {', '.join(dict.fromkeys(known))}")
