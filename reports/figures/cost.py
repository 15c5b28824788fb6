"""Cost against gain: what a pair's search took, and how far its target came from no intermediate task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from reports.cells import Pair
from reports.figures.canvas import GREY, PAGE, SIZE, axes_at, blank, noted, room_for
from reports.figures.lines import legend, legend_room, mark
from reports.figures.plain import short
from reports.figures.sources import Sources, lifted
from reports.frame import TransferTable
from training.identity import Role
from training.record import TrialRecord

HIGH, LEFT, BELOW = 1.9, 0.45, 0.36
SPREAD = 20.0
"""Costs that differ by a greater factor are shown on a logarithmic axis."""


def hours_of(records: Iterable[TrialRecord], share_of: Callable[[str], float] = lambda study: 1.0) -> dict[Pair, float]:
    """What each pair would cost by itself: its phases once each, whoever trained them, and the rest of its trials.

    In hours of what `share_of` a study counts (GPUs, cores); pretraining is not counted. A trial of several targets counts in
    full for each of them.
    """
    phases: dict[Pair, dict[str, float]] = {}
    rest: dict[Pair, float] = {}
    for record in records:
        share = share_of(record.study)
        over = max(0.0, record.timing.get("seconds", 0.0) - record.timing.get("phases", 0.0))
        own = {phase.key: share * phase.seconds for phase in record.phases if phase.identity.role is not Role.PRETRAIN}
        for target in record.targets:
            pair = Pair(record.model, record.intermediate, target)
            phases.setdefault(pair, {}).update(own)
            rest[pair] = rest.get(pair, 0.0) + share * over
    return {pair: (sum(found.values()) + rest[pair]) / 3600 for pair, found in phases.items()}


def cost_against_gain(sources: Sources, table: TransferTable, width: float) -> Figure | None:
    """One model's picture, a mark a pair with its interval; None where no pair has both a cost and a difference."""
    names = lifted(table)
    known = {
        Pair(table.model, name, target): cell.delta
        for name in names
        for target in table.targets
        if (cell := table.cells[name][target]).delta is not None and sources.hours.get(Pair(table.model, name, target))
    }
    if not known:
        return None
    notes = [f"{short(table.model, 30)}: a mark a target. Phases that pairs share count in each of them."]
    notes += ["Line: 95 % interval."] if any(pair in sources.comparisons for pair in known) else []
    notes = notes if width < PAGE else [" ".join(notes)]
    foot = room_for(notes, synthetic=table.synthetic)
    below = legend_room(names, width)[1]
    figure = blank(width, foot + below + BELOW + HIGH + 0.1)
    axes = axes_at(figure, LEFT, foot + below + BELOW, width - LEFT - 0.1, HIGH)
    axes.axhline(0, color=GREY, linewidth=0.6)
    for pair, delta in known.items():
        one, hours = sources.comparisons.get(pair), sources.hours[pair]
        style = mark(names, pair.intermediate)
        if one is not None:
            axes.plot((hours, hours), (one.low, one.high), color=style["color"], linewidth=0.5, alpha=0.6)
        axes.plot(hours, delta, markersize=3.5, linestyle="", markeredgewidth=0.4, markeredgecolor="white", **style)
    if max(sources.hours[pair] for pair in known) > SPREAD * min(sources.hours[pair] for pair in known):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"{sources.unit} of a pair", fontsize=SIZE)
    axes.set_ylabel("points against no intermediate task", fontsize=SIZE)
    legend(figure, names, foot + 0.03, marks=True)
    noted(figure, notes, synthetic=table.synthetic)
    return figure


def scaled(hours: Mapping[Pair, float], unit: str) -> tuple[dict[Pair, float], str]:
    """Hours as minutes, or seconds, where the dearest pair takes less than two of the larger; `unit` ends in `hours`."""
    most = max(hours.values(), default=2.0)
    if not unit.endswith("hours") or most >= 2:
        return dict(hours), unit
    times, name = (60, "minutes") if 60 * most >= 2 else (3600, "seconds")
    return {pair: times * value for pair, value in hours.items()}, unit.removesuffix("hours") + name
