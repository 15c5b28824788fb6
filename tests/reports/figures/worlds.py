"""A small set of records with all that a figure has to show, and a hostile one."""

from __future__ import annotations

from pathlib import Path

from reports.figures.sources import Sources
from reports.frame import Expectation, transfer_tables
from reports.statistics.transfer import interval_of_each
from tests.reports.builders import record
from training.record import TrialRecord

HOSTILE = "$x^2$ \\input{/etc/passwd} <script>alert(1)</script> & 50% #1 {a}~b|`\u202e\x07 語"


def small() -> list[TrialRecord]:
    """Two seeds; a lift, a collapse, a retrieval target, and a target without a baseline."""
    rows = [("none", 70.0, 60.0), ("mnli", 74.0, 61.0), ("squad_v2", 45.0, 60.4)]
    found = []
    for seed in (1, 2):
        for name, xnli, tatoeba in rows:
            found.append(record(name, {"xnli": xnli + seed + 0.3 * (name != "none") * seed}, seed=seed, synthetic=True))
            found.append(
                record(
                    name,
                    {"tatoeba": tatoeba + seed / (4 if name == "none" else 3)},
                    seed=seed,
                    synthetic=True,
                    retrieval=["tatoeba"],
                )
            )
    found.append(record("mnli", {"panx": 50.0}, seed=1, synthetic=True))
    return found


def sources(records: list[TrialRecord], expected: Expectation | None = None) -> Sources:
    tables = transfer_tables(records, expected)
    nowhere = Path("there is no evidence")
    return Sources(tables=tables, comparisons=interval_of_each(tables, records, nowhere, lambda line: None), records=records)


def hostile() -> list[TrialRecord]:
    """Names that mean something to LaTeX, HTML, mathtext and file systems."""
    pairs = [("none", 70.0), (HOSTILE, 72.0)]
    return [
        record(name, {target: score + seed}, seed=seed, model=f"../{HOSTILE}")
        for name, score in pairs
        for target in (f"{HOSTILE}/..",)
        for seed in (1, 2)
    ]
