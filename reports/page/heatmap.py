"""The transfer heat map: intermediate tasks by targets, each cell a link to what lies behind it."""

from __future__ import annotations

from dataclasses import dataclass

from reports.cells import BASELINE, Cell, Pair
from reports.frame import Average, TransferTable
from reports.numbers import number, signed, span
from reports.page.facts import Facts, Verdict, fails_adjusted, progress_of, verdict_of
from reports.page.section import Section
from reports.page.words import anchor
from reports.table import caption_lines

STEPS = (0.5, 2.0, 6.0, 15.0)
"""Points from which a delta has the next stronger tint."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """What a cell shows. `tint` is a class of the style sheet; the value, its sign and `says` tell the same without it."""

    value: str
    tint: str
    says: str = ""
    interval: str = ""
    link: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """One model's: `rows` are (intermediate, tiles of targets, tiles of averages)."""

    model: str
    synthetic: bool
    targets: tuple[str, ...]
    retrieval: tuple[str, ...]
    averages: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile, ...], tuple[Tile, ...]], ...]
    caption: tuple[str, ...]


def heatmap_section(facts: Facts) -> Section:
    """A heat map a model."""
    maps = [_map(facts, table) for table in facts.tables]
    return Section(anchor="transfer", title="Transfer", template="heatmap.html", values={"maps": maps, "steps": STEPS})


def tint(delta: float | None) -> str:
    """The class of a difference: `n4` to `n1`, `z`, `p1` to `p4`, or `x` where there is none."""
    if delta is None:
        return "x"
    strength = sum(abs(delta) >= step for step in STEPS)
    return f"{'p' if delta > 0 else 'n'}{strength}" if strength else "z"


def _map(facts: Facts, table: TransferTable) -> HeatMap:
    rows = tuple(
        (
            name,
            tuple(tile_of(facts, table.model, table.cells[name][target]) for target in table.targets),
            tuple(_average(one, name == BASELINE) for one in _averages(facts, table, name)),
        )
        for name in table.intermediates
    )
    return HeatMap(
        model=table.model,
        synthetic=table.synthetic,
        targets=table.targets,
        retrieval=table.retrieval,
        averages=("average", "without retrieval") if table.retrieval else ("average",),
        rows=rows,
        caption=tuple(line for line in caption_lines(table) if not line.startswith("Retrieval targets")),
    )


@dataclass(frozen=True)
class _Averaged:
    """An average of a row, its interval where that is known, and whether a cell of it had a budget of its own."""

    average: Average
    span: tuple[float, float] | None
    unequal: bool


def _averages(facts: Facts, table: TransferTable, name: str) -> list[_Averaged]:
    row = table.cells[name]
    kinds = [(True, table.averages[name], list(row.values()))]
    if table.retrieval:
        trained = [cell for target, cell in row.items() if target not in table.retrieval]
        kinds.append((False, table.averages_without_retrieval[name], trained))
    spans = facts.average_spans
    return [
        _Averaged(one, spans.get((table.model, name, retrieval)), any(cell.unequal for cell in cells))
        for retrieval, one, cells in kinds
    ]


def tile_of(facts: Facts, model: str, cell: Cell) -> Tile:
    """The tile of a pair."""
    pair = Pair(model, cell.intermediate, cell.target)
    found = facts.intervals.get(pair)
    verdict = verdict_of(cell, found)
    link = anchor("cell", model, cell.intermediate, cell.target)
    progress = progress_of(cell)
    if cell.score is None:
        return Tile(value="…", tint="x", says=progress or "not complete", link=link)
    doubts = ("not once adjusted",) if fails_adjusted(facts, pair, verdict) else ()
    flags = (*_flags(cell, progress), *doubts)
    if verdict is Verdict.BASELINE:
        return Tile(value=number(cell.score), tint="b", says="", link=link, flags=flags)
    if cell.delta is None:
        return Tile(value=f"({number(cell.score)})", tint="x", says="no baseline yet", link=link, flags=flags)
    interval = span(found.low, found.high) if found else ""
    return Tile(value=signed(cell.delta), tint=tint(cell.delta), says=verdict, interval=interval, link=link, flags=flags)


def _flags(cell: Cell, progress: str) -> list[str]:
    said = ["collapse"] if cell.collapsed else []
    said += ["oracle"] if cell.oracle else []
    return said + ([progress or "fewer settings"] if cell.unequal else [])


def _average(one: _Averaged, absolute: bool) -> Tile:
    value = one.average.value
    if value is None:
        return Tile(value="…", tint="x", says="a cell is missing")
    flags = ("unequal budgets",) if one.unequal else ()
    says = f"± {number(one.average.sd)}" if one.average.sd is not None and one.span is None else ""
    if absolute:
        return Tile(value=number(value), tint="b", says=says, flags=flags)
    interval = span(*one.span) if one.span else ""
    return Tile(value=signed(value), tint=tint(value), says=says, interval=interval, flags=flags)
