"""The answer that the page opens with: which intermediate task helps which target, by how much, how sure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.cells import BASELINE, Cell, Pair
from reports.frame import TransferTable
from reports.numbers import several, signed, span
from reports.page.facts import Facts, Verdict, fails_adjusted, progress_of, verdict_of
from reports.page.section import Section
from reports.page.words import anchor

if TYPE_CHECKING:
    from reports.statistics.compare import Comparison

NARROW = {"items alone": ", about the test items of one seed", "seeds alone": ", about the seeds alone"}
"""What an interval that is not about seeds and items says of itself."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best intermediate task of a target; `cell` is None where there is none yet."""

    target: str
    cell: Cell | None
    verdict: Verdict
    interval: str = ""
    link: str = ""
    so_far: str = ""
    compared: int = 0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One model's: `sentences` say it, `best` has a row a target, `cautions` what a reader has to know beside it."""

    model: str
    synthetic: bool
    sentences: tuple[str, ...]
    best: tuple[Best, ...]
    cautions: tuple[str, ...]


def answer_section(facts: Facts) -> Section:
    """An answer a model."""
    answers = [_answer(facts, table) for table in facts.tables]
    return Section(anchor="answer", title="The answer", template="answer.html", values={"answers": answers})


def _answer(facts: Facts, table: TransferTable) -> Answer:
    compared = [table.cells[name][target] for name in table.intermediates if name != BASELINE for target in table.targets]
    verdicts = Counter(verdict_of(cell, _interval(facts, table, cell)) for cell in compared)
    return Answer(
        model=table.model,
        synthetic=table.synthetic,
        sentences=(
            _lead(facts, table, compared),
            _counts(verdicts, len(compared), sum(cell.collapsed for cell in compared)),
            *_averages(table),
        ),
        best=tuple(_best(facts, table, target) for target in table.targets),
        cautions=tuple(_cautions(facts, table, compared)),
    )


def _interval(facts: Facts, table: TransferTable, cell: Cell) -> Comparison | None:
    return facts.intervals.get(Pair(table.model, cell.intermediate, cell.target))


def _gain(cell: Cell) -> float:
    return cell.delta if cell.delta is not None else float("-inf")


def _lead(facts: Facts, table: TransferTable, compared: list[Cell]) -> str:
    """The largest gain that is sure; else the largest, and that it is not."""
    known = sorted((cell for cell in compared if cell.delta is not None), key=_gain, reverse=True)
    if not known:
        return "No pair can be compared with its baseline yet."
    sure = [cell for cell in known if _is_sure(facts, table, cell)]
    if sure:
        cell = sure[0]
        return f"{cell.intermediate} helps {cell.target} most: {_sized(facts, table, cell)}."
    cell = known[0]
    return f"No gain is sure: the largest is {cell.intermediate} on {cell.target}, {_sized(facts, table, cell)}."


def _is_sure(facts: Facts, table: TransferTable, cell: Cell) -> bool:
    """Whether a gain stands, also once p-values are adjusted where they are."""
    verdict = verdict_of(cell, _interval(facts, table, cell))
    return verdict is Verdict.HELPS and not fails_adjusted(facts, Pair(table.model, cell.intermediate, cell.target), verdict)


def _sized(facts: Facts, table: TransferTable, cell: Cell) -> str:
    found = _interval(facts, table, cell)
    if found is None:
        return f"{signed(cell.delta)} points (no interval: one seed, and no evidence of the items)"
    chance = f"95 % interval {span(found.low, found.high)}{NARROW.get(found.covers.value, '')}"
    return f"{signed(cell.delta)} points ({chance})"


def _counts(verdicts: Counter[Verdict], all_of_them: int, collapses: int) -> str:
    helps, hurts = verdicts[Verdict.HELPS], verdicts[Verdict.HURTS]
    parts = [several(helps, "gain")] if helps else []
    parts += [f"{hurts} loss" + "es" * (hurts > 1)] if hurts else []
    others = ((Verdict.UNDECIDED, "undecided"), (Verdict.UNKNOWN, "without an interval"), (Verdict.MISSING, "not complete"))
    parts += [f"{verdicts[kind]} {what}" for kind, what in others if verdicts[kind]]
    fallen = f" {several(collapses, 'pair')} collapsed." if collapses else ""
    return f"Of {several(all_of_them, 'pair')} compared with no intermediate task: {', '.join(parts) or 'none'}.{fallen}"


def _averages(table: TransferTable) -> list[str]:
    """The best average over targets, with and without retrieval."""
    kinds = [("all targets", table.averages)]
    kinds += [("targets but retrieval", table.averages_without_retrieval)] if table.retrieval else []
    said = []
    for what, averages in kinds:
        known = [(one.value, name) for name, one in averages.items() if name != BASELINE and one.value is not None]
        if known:
            value, name = max(known)
            none_lifts = "none lifts it, least bad is " if value <= 0 else ""
            said.append(f"over {what}: {none_lifts}{name} {signed(value)}")
    return [f"Best average {'; '.join(said)}."] if said else []


def _best(facts: Facts, table: TransferTable, target: str) -> Best:
    cells = [table.cells[name][target] for name in table.intermediates if name != BASELINE]
    known = [cell for cell in cells if cell.delta is not None]
    if not known:
        return Best(target=target, cell=None, verdict=Verdict.MISSING)
    cell = max(known, key=_gain)
    found = _interval(facts, table, cell)
    return Best(
        target=target,
        cell=cell,
        verdict=verdict_of(cell, found),
        interval=span(found.low, found.high) if found else "",
        link=anchor("cell", table.model, cell.intermediate, target),
        so_far=progress_of(cell),
        compared=len(known),
    )


def _cautions(facts: Facts, table: TransferTable, compared: list[Cell]) -> list[str]:
    found = [one for cell in compared if (one := _interval(facts, table, cell)) is not None]
    said = [_of_many(facts, table, compared, len(found))] if found else []
    items = sum(one.covers.value == "items alone" for one in found)
    if items:
        said.append(f"{items} of {len(found)} intervals are about the test items alone: another seed may lie outside of them.")
    seeds = sum(one.covers.value == "seeds alone" for one in found)
    if seeds:
        said.append(f"{seeds} of {len(found)} intervals are about the seeds alone, as if the test set were the whole language.")
    if any(cell.unequal for cell in compared):
        said.append("Some pairs were tuned with fewer settings than others, or are not through; they are marked.")
    return said


def _of_many(facts: Facts, table: TransferTable, compared: list[Cell], count: int) -> str:
    """That many comparisons are made at once, and what is left where p-values were adjusted for it."""
    best = " The best of several is likely to look better than it is."
    pairs = [(Pair(table.model, cell.intermediate, cell.target), cell) for cell in compared]
    decided = [(pair, verdict_of(cell, facts.intervals.get(pair))) for pair, cell in pairs if pair in facts.adjusted]
    decided = [(pair, verdict) for pair, verdict in decided if verdict in (Verdict.HELPS, Verdict.HURTS)]
    if facts.adjusted:
        kept = sum(not fails_adjusted(facts, pair, verdict) for pair, verdict in decided)
        said = f"{kept} of {len(decided)} gains and losses stand when p-values are adjusted for {several(count, 'comparison')}"
        return f"{said} ({facts.adjustment}); the others are marked.{best}"
    return (
        f"Intervals are for one comparison each, not for all at once: of {count} without any effect,"
        f" about {0.05 * count:.1f} would leave 0 out by chance.{best}"
    )
