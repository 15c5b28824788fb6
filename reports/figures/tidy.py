"""CSV files beside the transfer table's own: a line a language, and a line an interval. Units are in the headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from reports.cells import BASELINE, Pair
from reports.figures.by_language import PerLanguage
from reports.frame import TransferTable
from reports.statistics.compare import Comparison

LANGUAGE_COLUMNS = (
    "model intermediate target split language score_percent baseline_percent delta_points low_points high_points covers "
    "synthetic oracle"
).split()
INTERVAL_COLUMNS = (
    "model intermediate target delta_points low_points high_points error_points seed_error_points item_error_points "
    "p p_adjusted seeds items covers"
).split()


def languages_csv(tables: Sequence[TransferTable], by_language: PerLanguage) -> str:
    """A line for each language of each pair that has a score, with its interval where one is known."""
    rows = (
        _language(table, name, target, language, by_language.get((Pair(table.model, name, target), language)))
        for table in tables
        for name in table.intermediates
        for target in table.targets
        for language in sorted(table.cells[name][target].languages)
    )
    return _written(LANGUAGE_COLUMNS, rows)


def _language(table: TransferTable, name: str, target: str, language: str, found: Comparison | None) -> dict[str, object]:
    cell, baseline = table.cells[name][target], table.cells.get(BASELINE, {}).get(target)
    score = cell.languages[language]
    other = baseline.languages.get(language) if baseline is not None else None
    return {
        "model": table.model,
        "intermediate": name,
        "target": target,
        "split": cell.split,
        "language": language,
        "score_percent": decimal(score),
        "baseline_percent": decimal(other),
        "delta_points": "" if name == BASELINE or other is None else decimal(score - other),
        "low_points": decimal(found.low if found else None),
        "high_points": decimal(found.high if found else None),
        "covers": found.covers.value if found else "",
        "synthetic": str(cell.synthetic).lower(),
        "oracle": str(cell.oracle).lower(),
    }


def intervals_csv(comparisons: Mapping[Pair, Comparison], adjusted: Mapping[Pair, float]) -> str:
    """A line for each pair's difference from no intermediate task; `adjusted` are p-values of a family of them."""
    rows = (
        {
            **pair._asdict(),
            "delta_points": decimal(one.delta),
            "low_points": decimal(one.low),
            "high_points": decimal(one.high),
            "error_points": decimal(one.error),
            "seed_error_points": decimal(one.seed_error),
            "item_error_points": decimal(one.item_error),
            "p": f"{one.p:.4g}",
            "p_adjusted": f"{adjusted[pair]:.4g}" if pair in adjusted else "",
            "seeds": one.seeds,
            "items": one.items,
            "covers": one.covers.value,
        }
        for pair, one in comparisons.items()
    )
    return _written(INTERVAL_COLUMNS, rows)


def decimal(value: float | None) -> str:
    """To four decimals, empty where there is none."""
    return "" if value is None else f"{round(value, 4) + 0.0:.4f}"


def _written(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
