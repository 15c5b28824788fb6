"""How sure the numbers are: averages, p-values of a family, effects over languages, and the luck in what was chosen."""

from __future__ import annotations

from dataclasses import dataclass

from reports.frame import TransferTable
from reports.numbers import number, signed, span
from reports.page.facts import Facts
from reports.page.section import Section
from reports.page.words import anchor
from reports.statistics.averages import AverageDelta
from reports.statistics.curse import Curse
from reports.statistics.effects import Effect


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """One model's tables; a row is its cells as text, and (of pairs) the place of the pair's detail."""

    model: str
    averages: tuple[tuple[str, ...], ...]
    family: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    effects: tuple[tuple[str, ...], ...]
    curses: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    optimism: str


def certainty_section(facts: Facts) -> Section | None:
    """Tables a model; None where no chance is known of anything."""
    found = [one for table in facts.tables if any((one := _certainty(facts, table)).__dict__[name] for name in PARTS)]
    values = {"models": found}
    return Section(anchor="certainty", title="How sure", template="certainty.html", values=values) if found else None


PARTS = ("averages", "family", "effects", "curses")


def _certainty(facts: Facts, table: TransferTable) -> Certainty:
    curses = [one for one in facts.curses if one.pair.model == table.model]
    luck = [one.optimism for one in curses if one.optimism is not None]
    return Certainty(
        model=table.model,
        averages=tuple(_average(one) for one in facts.averages if one.model == table.model),
        family=tuple(_family(facts, table)),
        effects=tuple(_effect(one) for one in facts.effects if one.model == table.model),
        curses=tuple((one.pair.intermediate, one.pair.target, _link(one.pair), _curse(one)) for one in curses),
        optimism=f"{signed(sum(luck) / len(luck), 2)} points, the mean of {len(luck)} pairs" if luck else "",
    )


def _link(pair: tuple[str, str, str]) -> str:
    return anchor("cell", *pair)


def _average(one: AverageDelta) -> tuple[str, ...]:
    if one.found is None:
        return (one.intermediate, one.over, "…", "; ".join(one.missing) or "its chance is not known", "")
    return (one.intermediate, one.over, signed(one.found.delta), span(one.found.low, one.found.high), one.note)


def _family(facts: Facts, table: TransferTable) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """All deltas of a model, the surest first."""
    pairs = sorted((pair for pair in facts.intervals if pair.model == table.model), key=lambda pair: facts.intervals[pair].p)
    rows = []
    for pair in pairs:
        one = facts.intervals[pair]
        adjusted = tuple(_p(values[pair]) if pair in values else "…" for values in (facts.adjusted, facts.discovery))
        cells = (signed(one.delta), span(one.low, one.high), _p(one.p), *adjusted)
        rows.append((pair.intermediate, pair.target, _link(pair), cells))
    return rows


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _effect(one: Effect) -> tuple[str, ...]:
    if one.effect is None or one.low is None or one.high is None:
        return (one.intermediate, "…", one.why, "", "")
    spread = ", ".join(f"{name} {number(value)}" for name, value in one.deviations.items())
    size = f"{len(one.targets)} targets, {one.languages} languages, {one.seeds} seeds"
    return (one.intermediate, signed(one.effect), span(one.low, one.high), spread, size)


def _curse(one: Curse) -> tuple[str, ...]:
    luck = one.why if one.optimism is None else signed(one.optimism, 2)
    rank = "…" if one.rank is None else signed(one.rank, 2)
    dev, test = (number(one.dev_chosen), number(one.dev_mean)), (number(one.test_chosen), number(one.test_mean))
    return (str(one.settings), *dev, luck, *test, number(one.test_best), rank)
