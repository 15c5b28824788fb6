"""Training curves of the chosen trials: the loss of each target phase, a panel a target, a line an intermediate task."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from reports.figures.canvas import room_for
from reports.figures.lines import legend, legend_room, look
from reports.figures.panels import Layout, is_first
from reports.figures.plain import short
from reports.figures.sources import Sources
from reports.frame import TransferTable
from training.identity import Role
from training.record import PhaseTrace, TrialRecord

Curve = list[tuple[int, float]]
"""(optimiser step, training loss)."""


def curves_of(table: TransferTable, known: Mapping[str, TrialRecord]) -> dict[str, dict[str, Curve]]:
    """Target to intermediate task to the curve of its chosen setting: the mean over seeds."""
    found: dict[str, dict[str, Curve]] = {}
    for name in table.intermediates:
        for target in table.targets:
            trials = [known[trial] for trial in table.cells[name][target].trials if trial in known]
            phases = [phase for trial in trials if (phase := _last(trial)) is not None]
            curve = mean_curve([phase.curve for phase in phases])
            if curve:
                found.setdefault(target, {})[name] = curve
    return found


def _last(trial: TrialRecord) -> PhaseTrace | None:
    """The phase that trains the target; None of a trial that has none of its own."""
    last = trial.phases[-1] if trial.phases else None
    return last if last is not None and last.identity.role is Role.TARGET else None


def mean_curve(curves: Sequence[Sequence[tuple[int, float]]]) -> Curve:
    """The mean at the steps that all have."""
    if not curves:
        return []
    shared = set.intersection(*({step for step, _ in curve} for curve in curves))
    each = [dict(curve) for curve in curves]
    return [(step, statistics.fmean(curve[step] for curve in each)) for step in sorted(shared)]


def training_curves(sources: Sources, table: TransferTable) -> Iterator[Figure]:
    """One model's pages; targets without a phase of their own (retrieval) have no panel."""
    found = curves_of(table, {record.trial: record for record in sources.records})
    names = [name for name in table.intermediates if any(name in lines for lines in found.values())]
    if not names:
        return
    notes = [f"{short(table.model, 30)}: training loss of the target phase of the chosen setting, mean over seeds."]
    foot = room_for(notes, synthetic=table.synthetic)
    layout = Layout(least=1.2, height=1.0, left=0.38, between=0.34, notes=notes, synthetic=table.synthetic)
    layout = replace(layout, legend=legend_room(names, layout.width(len(found)))[1])
    waiting = iter(found.items())
    for figure, panels in layout.pages(len(found)):
        for axes, (target, lines) in zip(panels, waiting, strict=False):
            for name, curve in lines.items():
                axes.plot([step for step, _ in curve], [loss for _, loss in curve], **look(names, name))
            axes.set_title(short(target, 22))
            axes.set_xlabel("optimiser step")
            axes.set_ylabel("loss" if is_first(axes) else "")
            axes.margins(x=0.02)
        legend(figure, names, foot + 0.03)
        yield figure
