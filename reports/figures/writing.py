"""All files of a folder of figures: what there is, under which name, and the page that says how to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.cells import Pair
from reports.figures.by_language import PerLanguage
from reports.figures.plain import file_name
from reports.figures.sources import Sources
from reports.frame import TransferTable
from reports.table import transfer_csv
from training.files.storage import write_atomically
from training.record import TrialRecord

if TYPE_CHECKING:  # both take a second to load
    from matplotlib.figure import Figure

    from reports.statistics.compare import Comparison
    from reports.studies.finding import Finding

README = """# Figures and tables

Everything here was made from the records of a sweep; the same records give the same bytes.{synthetic}

| file | what is in it |
|---|---|
| transfer.csv | a line a pair, and the averages of each row: scores in percent, deltas in points |
| languages.csv | a line a language of a pair: `_percent` is a score, `_points` a difference from no intermediate task |
| intervals.csv | a line a pair: 95 % interval of its delta in points, p-value, and what chance it covers |
| transfer.tex, languages.tex | the same as LaTeX tables, for `\\input`; their first line names the packages |
| heat-MODEL-column, -page | the transfer heat map, 3.3 in and 7 in wide |
| languages-MODEL-TARGET | what each intermediate task does in each language |
| gap-MODEL | the cross-lingual gap: English, and the mean of the other languages |
| curves-MODEL | training loss of the chosen settings |
| cost-MODEL-column, -page | what a pair took against what it gained |
| study-NAME, study.csv | of a grid with a `study`: its plots, and a line an estimate with its interval |

Pictures are PDF and SVG, made for one column or the whole width: include them at their own size. `-2`, `-3` are further pages.
Bold means that {bold}. Intervals: docs/STATISTICS.md of the sweep says how they are made. Marks are those of `sweep table`.
"""


def write_all(
    tables: Sequence[TransferTable],
    comparisons: Mapping[Pair, Comparison],
    folder: Path,
    *,
    records: Sequence[TrialRecord] = (),
    by_language: PerLanguage | None = None,
    adjusted: Mapping[Pair, float] | None = None,
    share_of: Callable[[str], float] = lambda study: 1.0,
    unit: str = "hours",
    finding: Finding | None = None,
) -> list[Path]:
    """Write CSV, LaTeX, PDF and SVG files into `folder`; returns them. Files of other names that lie there stay.

    `records` give curves and costs (`share_of` a study is what one of its hours counts in `unit`), `by_language` intervals of
    each language, `adjusted` p-values of a family of comparisons, `finding` what the grid's study says. Raises StoreError where
    the folder can't be written.
    """
    from reports.figures.cost import hours_of, scaled

    hours, unit = scaled(hours_of(records, share_of), unit)
    sources = Sources(
        tables=tables,
        comparisons=comparisons,
        by_language=by_language or {},
        adjusted=adjusted or {},
        records=records,
        hours=hours,
        unit=unit,
        finding=finding,
    )
    return [*_texts(sources, folder), *_pictures(sources, folder)]


def _texts(sources: Sources, folder: Path) -> Iterator[Path]:
    from reports.figures.latex import languages_latex, transfer_latex
    from reports.figures.tidy import intervals_csv, languages_csv

    made_up = any(table.synthetic for table in sources.tables)
    contents = {
        "README.md": README.format(synthetic="\n\n**SYNTHETIC data (mini world)**" if made_up else "", bold=sources.bold_means),
        "transfer.csv": transfer_csv(sources.tables),
        "languages.csv": languages_csv(sources.tables, sources.by_language),
        "intervals.csv": intervals_csv(sources.comparisons, sources.adjusted),
        "transfer.tex": transfer_latex(sources),
        "languages.tex": languages_latex(sources),
    }
    if sources.finding is not None:
        from reports.studies.show import finding_csv

        contents["study.csv"] = finding_csv(sources.finding)
    for name, content in contents.items():
        write_atomically(folder / name, content.encode("utf-8"))
        yield folder / name


def _pictures(sources: Sources, folder: Path) -> Iterator[Path]:
    from reports.figures.canvas import styled, written
    from training.files.storage import storage_errors

    taken: set[str] = set()
    with storage_errors(folder), styled():
        for name, figure in _drawn(sources):
            yield from written(figure, folder, _free(name, taken))


def _drawn(sources: Sources) -> Iterator[tuple[str, Figure]]:
    from reports.figures.canvas import COLUMN, PAGE
    from reports.figures.cost import cost_against_gain
    from reports.figures.curves import training_curves
    from reports.figures.dots import language_dots
    from reports.figures.gap import gaps
    from reports.figures.heat import heat_map
    from reports.figures.study import study_figures

    for table in sources.tables:
        for label, width in (("column", COLUMN), ("page", PAGE)):
            yield file_name("heat", table.model, label), heat_map(sources, table, width)
            cost = cost_against_gain(sources, table, width)
            if cost is not None:
                yield file_name("cost", table.model, label), cost
        yield from _paged(file_name("gap", table.model), gaps(sources, table))
        yield from _paged(file_name("curves", table.model), training_curves(sources, table))
        for target in table.targets:
            yield from _paged(file_name("languages", table.model, target), language_dots(sources, table, target))

    if sources.finding is not None:
        yield from _paged(file_name("study", sources.finding.study), study_figures(sources.finding))


def _paged(name: str, figures: Iterable[Figure]) -> Iterator[tuple[str, Figure]]:
    for place, figure in enumerate(figures, 1):
        yield (name if place == 1 else f"{name}-{place}"), figure


def _free(name: str, taken: set[str]) -> str:
    """A file's name that no other picture has, whatever characters were taken out of it (and on disks without upper case)."""
    free, count = name, 1
    while free.lower() in taken:
        count += 1
        free = f"{name}~{count}"
    taken.add(free.lower())
    return free
