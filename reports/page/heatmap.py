"""The transfer heat map: intermediate tasks by targets, each cell a link to what lies behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.cells import BASELINE, Cell, Pair
from reports.frame import Average, TransferTable
from reports.page.facts import Facts, Verdict, progress_of, verdict_of
from reports.page.sections import Section
from reports.page.words import anchor, number, signed, span
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
            tuple(_average(one, cells, name == BASELINE) for one, cells in _averages(table, name)),
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


def _averages(table: TransferTable, name: str) -> list[tuple[Average, list[Cell]]]:
    """The averages of a row, each with the cells that it is of."""
    row = table.cells[name]
    found = [(table.averages[name], list(row.values()))]
    if table.retrieval:
        trained = [cell for target, cell in row.items() if target not in table.retrieval]
        found.append((table.averages_without_retrieval[name], trained))
    return found


def tile_of(facts: Facts, model: str, cell: Cell) -> Tile:
    """The tile of a pair."""
    found = facts.intervals.get(Pair(model, cell.intermediate, cell.target))
    verdict = verdict_of(cell, found)
    link = anchor("cell", model, cell.intermediate, cell.target)
    progress = progress_of(cell)
    if cell.score is None:
        return Tile(value="…", tint="x", says=progress or "not complete", link=link)
    flags = tuple(_flags(cell, progress))
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


def _average(one: Average, cells: Sequence[Cell], absolute: bool) -> Tile:
    if one.value is None:
        return Tile(value="…", tint="x", says="a cell is missing")
    said = f"± {number(one.sd)}" if one.sd is not None else ""
    flags = ("unequal budgets",) if any(cell.unequal for cell in cells) else ()
    if absolute:
        return Tile(value=number(one.value), tint="b", says=said, flags=flags)
    return Tile(value=signed(one.value), tint=tint(one.value), says=said, flags=flags)
