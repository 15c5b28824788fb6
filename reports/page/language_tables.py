"""A language at a time: what each chosen chain gains in it, groups of languages, and the gap to English."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.cells import BASELINE, Cell
from reports.frame import TransferTable
from reports.languages_data import BANDS, SOURCE, UNKNOWN, Language, english_first, language
from reports.numbers import number, signed
from reports.page.charts import Bar, bars
from reports.page.facts import Facts
from reports.page.heatmap import Tile, tint
from reports.page.section import Section
from reports.page.words import anchor
from training.record import ENGLISH

GROUPINGS = ("family", "script", "resources")


@dataclass(frozen=True, kw_only=True)
class LanguageRow:
    """A language of a target: the baseline's score, and a tile an intermediate task."""

    about: Language
    baseline: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Languages that have something in common, without English: the mean over them of each task's differences."""

    kind: str
    name: str
    codes: tuple[str, ...]
    baseline: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class ByLanguage:
    """One target of one model. `gaps` are (task, English, mean of the others, English minus the others)."""

    model: str
    target: str
    anchor: str
    split: str
    oracle: bool
    names: tuple[str, ...]
    rows: tuple[LanguageRow, ...]
    groups: tuple[Group, ...]
    gaps: tuple[tuple[str, str, str, str], ...]
    plot: Markup | None
    group_plots: tuple[tuple[str, Markup], ...]
    best: str


def language_section(facts: Facts) -> Section | None:
    """A block a target that has any score by language."""
    blocks = [block for table in facts.tables for target in table.targets if (block := _block(table, target))]
    values = {"blocks": blocks, "source": SOURCE}
    return Section(anchor="languages", title="Languages", template="languages.html", values=values) if blocks else None


def differences(cell: Cell, baseline: Cell | None) -> Mapping[str, float]:
    """By language: points above or below the baseline, where both have a score."""
    other = baseline.languages if baseline else {}
    return {code: score - other[code] for code, score in cell.languages.items() if code in other}


def _block(table: TransferTable, target: str) -> ByLanguage | None:
    cells = {name: table.cells[name][target] for name in table.intermediates if table.cells[name][target].languages}
    if not cells:
        return None
    baseline = cells.get(BASELINE)
    names = tuple(name for name in cells if name != BASELINE)
    deltas = {name: differences(cells[name], baseline) for name in names}
    codes = sorted({code for cell in cells.values() for code in cell.languages}, key=english_first)
    known = [(cells[name].delta or 0.0, name) for name in names if cells[name].delta is not None]
    best = max(known)[1] if known else ""
    groups = tuple(_groups(codes, cells, deltas))
    return ByLanguage(
        model=table.model,
        target=target,
        anchor=anchor("languages", table.model, target),
        split=next(iter(cells.values())).split,
        oracle=any(cell.oracle for cell in cells.values()),
        names=names,
        rows=tuple(
            LanguageRow(
                about=language(code),
                baseline=number(baseline.languages.get(code)) if baseline else "…",
                tiles=tuple(_tile(cells[name], deltas[name], [code]) for name in names),
            )
            for code in codes
        ),
        groups=groups,
        gaps=tuple(_gaps(cells)),
        plot=_plot(best, target, deltas[best]) if best else None,
        group_plots=tuple(_group_plots(best, target, groups, deltas[best])) if best else (),
        best=best,
    )


def _tile(cell: Cell, deltas: Mapping[str, float], codes: Sequence[str]) -> Tile:
    if codes and all(code in deltas for code in codes):
        value = statistics.fmean(deltas[code] for code in codes)
        return Tile(value=signed(value), tint=tint(value))
    known = [cell.languages[code] for code in codes if code in cell.languages]
    if codes and len(known) == len(codes):
        return Tile(value=f"({number(statistics.fmean(known))})", tint="x")
    return Tile(value="…", tint="x")


def _groups(codes: Sequence[str], cells: Mapping[str, Cell], deltas: Mapping[str, Mapping[str, float]]) -> Iterable[Group]:
    """Groups of each kind that tell languages apart: with one group alone there is nothing to compare."""
    others = [code for code in codes if code != ENGLISH]
    for kind in GROUPINGS:
        found: dict[str, list[str]] = defaultdict(list)
        for code in others:
            found[getattr(language(code), kind)].append(code)
        for name in sorted(found, key=_by_size) if len(found) > 1 else ():
            yield _group(kind, name, found[name], cells, deltas)


def _by_size(name: str) -> tuple[int, str]:
    """Bands from high to low, all else by name."""
    return (BANDS.index(name) if name in BANDS else len(BANDS), name)


def _group(
    kind: str, name: str, members: list[str], cells: Mapping[str, Cell], deltas: Mapping[str, Mapping[str, float]]
) -> Group:
    other = cells[BASELINE].languages if BASELINE in cells else {}
    complete = all(code in other for code in members)
    return Group(
        kind=kind,
        name=name,
        codes=tuple(members),
        baseline=number(statistics.fmean(other[code] for code in members)) if complete else "…",
        tiles=tuple(_tile(cells[task], deltas[task], members) for task in deltas),
    )


def _gaps(cells: Mapping[str, Cell]) -> Iterable[tuple[str, str, str, str]]:
    for name, cell in cells.items():
        others = [score for code, score in cell.languages.items() if code != ENGLISH]
        if ENGLISH in cell.languages and others:
            english, mean = cell.languages[ENGLISH], statistics.fmean(others)
            yield name, number(english), number(mean), signed(english - mean)


def _plot(name: str, target: str, deltas: Mapping[str, float]) -> Markup | None:
    """The differences of the best intermediate task, languages of a script beside each other."""
    if not deltas:
        return None
    order = sorted(deltas, key=lambda code: (code != ENGLISH, language(code).script, code))
    rows = [Bar(name=_named(code), value=deltas[code]) for code in order]
    return bars(rows, says=f"Points of {name} against no intermediate task on {target}, by language; the table has the numbers")


def _group_plots(name: str, target: str, groups: Sequence[Group], deltas: Mapping[str, float]) -> Iterable[tuple[str, Markup]]:
    """The same as means over groups, a plot a kind."""
    for kind in GROUPINGS:
        members = [group for group in groups if group.kind == kind and all(code in deltas for code in group.codes)]
        rows = [Bar(name=one.name, value=statistics.fmean(deltas[code] for code in one.codes)) for one in members]
        if rows:
            says = f"Points of {name} against no intermediate task on {target}, by {kind}; the table has the numbers"
            yield kind, bars(rows, says=says)


def _named(code: str) -> str:
    known = language(code)
    return code if known.script == UNKNOWN else f"{known.script} {code}"
