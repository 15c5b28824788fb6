"""What is missing or went wrong: cells that are not complete, failed trials with their reasons, notes on comparability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.cells import gave_up
from reports.frame import TransferTable
from reports.page.facts import Facts, progress_of
from reports.page.section import Section
from reports.page.words import anchor
from training.record import Status, TrialRecord

MOST, LONGEST = 200, 2000
"""Lines of a list that are shown, and characters of a reason: ten thousand failed trials with their tracebacks make no page."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A cell without a score."""

    model: str
    intermediate: str
    target: str
    link: str
    progress: str
    reason: str
    failed: int


def gaps_section(facts: Facts) -> Section:
    """Gaps, failures, notes; says so where there are none."""
    failed = sorted((record for record in facts.records if record.status is Status.FAILED), key=lambda record: record.trial)
    gaps = [gap for table in facts.tables for gap in _gaps(table)]
    listed = tuple(f": {gap.reason}" for gap in gaps)
    values = {
        "gaps": gaps,
        "failed": [_failure(record) for record in failed[:MOST]],
        "others": max(0, len(failed) - MOST),
        "notes": [
            (table.model, _few([note for note in table.notes if not _is_listed(note, listed)])) for table in facts.tables
        ],
        "damaged": _few(facts.damaged),
    }
    return Section(anchor="gaps", title="Missing and failed", template="gaps.html", values=values)


def _failure(record: TrialRecord) -> tuple[str, str, str]:
    """Trial, how it ended, and why."""
    reason = record.reason if len(record.reason) <= LONGEST else f"{record.reason[:LONGEST]} … (`sweep show` has all of it)"
    return record.trial, "given up" if gave_up(record) else "failed", reason


def _few(lines: Sequence[str]) -> list[str]:
    return list(lines) if len(lines) <= MOST else [*lines[:MOST], f"and {len(lines) - MOST:,} others"]


def _is_listed(note: str, reasons: tuple[str, ...]) -> bool:
    """Whether a note of the table says what the lists of failures and of gaps say already."""
    return note.startswith(("failed trial: ", "given up: ")) or note.endswith(reasons)


def _gaps(table: TransferTable) -> Iterator[Gap]:
    for name in table.intermediates:
        for target in table.targets:
            cell = table.cells[name][target]
            if cell.score is None:
                yield Gap(
                    model=table.model,
                    intermediate=name,
                    target=target,
                    link=anchor("cell", table.model, name, target),
                    progress=progress_of(cell),
                    reason=cell.reason,
                    failed=cell.failed,
                )
