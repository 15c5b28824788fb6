"""What figures and tables are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reports.cells import BASELINE, Pair
from reports.figures.by_language import PerLanguage
from reports.frame import TransferTable
from reports.statistics.compare import Comparison, Covers
from reports.studies.finding import Finding
from training.record import TrialRecord

SURE = 0.05
"""An adjusted p-value below this is printed bold."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Tables with the chance in them.

    `adjusted` are p-values of a family of comparisons; `hours` is what each pair cost, in `unit`. `finding` is what the
    analysis of the grid's study found.
    """

    tables: Sequence[TransferTable]
    comparisons: Mapping[Pair, Comparison] = field(default_factory=dict)
    by_language: PerLanguage = field(default_factory=dict)
    adjusted: Mapping[Pair, float] = field(default_factory=dict)
    records: Sequence[TrialRecord] = ()
    hours: Mapping[Pair, float] = field(default_factory=dict)
    unit: str = "hours"
    finding: Finding | None = None

    def sure(self, pair: Pair) -> bool:
        """Whether a pair's difference is told from 0: by its family's p-value, else by its own interval."""
        if pair in self.adjusted:
            return self.adjusted[pair] < SURE
        one = self.comparisons.get(pair)
        return one is not None and not one.low <= 0.0 <= one.high

    @property
    def bold_means(self) -> str:
        """What is said by a bold number."""
        return f"adjusted p below {SURE:g}" if self.adjusted else "the 95 % interval leaves 0 out"


def chance_of(found: Iterable[Comparison]) -> str:
    """What intervals are about where that is not both seeds and items, in brackets; nothing where all are about both."""
    kinds = sorted({one.covers for one in found} - {Covers.BOTH})
    return f" (about {' or '.join(kinds)})" if kinds else ""


def columns_of(table: TransferTable) -> list[tuple[str, str]]:
    """(key, heading) of a table's columns: its targets, then the averages (keys without a target's name)."""
    averages = [("", "average")] + ([("\n", "no retr.")] if table.retrieval else [])
    return [(target, target) for target in table.targets] + averages


def average_of(table: TransferTable, name: str, key: str) -> float | None:
    """What stands in a column of averages: a delta, or a score in the baseline's row."""
    return (table.averages if key == "" else table.averages_without_retrieval)[name].value


def lifted(table: TransferTable) -> list[str]:
    """The intermediate tasks, without the baseline."""
    return [name for name in table.intermediates if name != BASELINE]
