"""What lies behind a cell: languages, settings, hyperparameters, trials, training curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from reports.cells import BASELINE, Cell, Pair
from reports.frame import TransferTable
from reports.languages_data import english_first
from reports.numbers import number, several, signed, span
from reports.page.charts import Bar, bars
from reports.page.facts import Facts, progress_of, verdict_of
from reports.page.language_tables import differences
from reports.page.phases import curve_plot
from reports.page.section import Section
from reports.page.sensitivity import Sensitivity, Setting, sensitivity_of, settings_of
from reports.page.words import anchor
from training.identity import Role
from training.record import PhaseTrace, TrialRecord

MOST = 60
"""Settings of a pair that are listed; the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One pair. `facts` are (name, value) lines, `languages` are (code, baseline, here, difference)."""

    anchor: str
    model: str
    intermediate: str
    target: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    languages: tuple[tuple[str, str, str, str], ...]
    language_plot: Markup | None
    settings: tuple[Setting, ...]
    more_settings: int
    sensitivity: Sensitivity
    curves: tuple[tuple[str, Markup], ...]
    phases: tuple[tuple[str, str, str, str, str, str], ...]


def detail_section(facts: Facts) -> Section | None:
    """A block a pair, baseline included."""
    pairs = [(table, name, target) for table in facts.tables for target in table.targets for name in table.intermediates]
    details = [_detail(facts, *pair) for pair in pairs]
    values = {"details": details}
    return Section(anchor="cells", title="Behind each cell", template="detail.html", values=values) if details else None


def _detail(facts: Facts, table: TransferTable, name: str, target: str) -> Detail:
    pair = Pair(table.model, name, target)
    cell = table.cells[name][target]
    baseline = table.cells.get(BASELINE, {}).get(target) if name != BASELINE else None
    settings = settings_of(facts.of_pair.get(pair, ()), cell)
    chosen = {trial: facts.by_trial[trial] for trial in cell.trials if trial in facts.by_trial}
    return Detail(
        anchor=anchor("cell", *pair),
        model=table.model,
        intermediate=name,
        target=target,
        headline=_headline(facts, pair, cell),
        facts=tuple(_facts(facts, pair, cell, baseline)),
        flags=tuple(_flags(cell)),
        languages=_languages(cell, baseline),
        language_plot=_language_plot(name, target, cell, baseline),
        settings=settings[:MOST],
        more_settings=max(0, len(settings) - MOST),
        sensitivity=sensitivity_of(facts, settings, pair),
        curves=tuple(_curves(chosen, name, target)),
        phases=tuple(_phases(chosen)),
    )


def _headline(facts: Facts, pair: Pair, cell: Cell) -> str:
    """The summary line of a block."""
    if cell.score is None:
        return progress_of(cell) or "not complete"
    if cell.delta is None:
        return f"{number(cell.score)} %"
    found = facts.intervals.get(pair)
    chance = f", {span(found.low, found.high)}" if found else ""
    return f"{signed(cell.delta)} points{chance}, {verdict_of(cell, found)}"


def _facts(facts: Facts, pair: Pair, cell: Cell, baseline: Cell | None) -> Iterator[tuple[str, str]]:
    if cell.reason:
        yield "not complete", cell.reason
    if cell.score is not None:
        spread = f" ± {number(cell.score_sd)} over seeds" if cell.score_sd is not None else ""
        yield "score", f"{number(cell.score, 2)} %{spread}, {cell.split} split, mean of every language"
    if baseline is not None and baseline.score is not None:
        yield "no intermediate task", f"{number(baseline.score, 2)} %"
    if cell.delta is not None:
        yield "difference", f"{signed(cell.delta, 2)} points"
    found = facts.intervals.get(pair)
    if found:
        counts = several(found.seeds, "seed") + (f", {several(found.items, 'test item')}" if found.items else "")
        yield "95 % interval", f"{span(found.low, found.high)}, about {found.covers} ({counts}); p {found.p:.2g}"
    if pair in facts.adjusted:
        yield "p, adjusted for all pairs of the model", f"{facts.adjusted[pair]:.2g} ({facts.adjustment})"
    yield from _choice(cell)
    if cell.layer is not None:
        yield "retrieval", f"layer {cell.layer}, {cell.pooling or 'pooling not known'}"
    if cell.rungs:
        said = ", ".join(f"{50 * (low + high):.0f} %" for low, high in cell.rungs)
        yield "early stopping", f"rungs at {said} of the last phase; {cell.settings_stopped} settings stopped"
    if cell.failed:
        yield "failed trials", str(cell.failed)


def _choice(cell: Cell) -> Iterator[tuple[str, str]]:
    if cell.fixed:
        yield "tuning", "nothing to tune: the pretrained model is scored as it is"
        return
    left = f" ({progress})" if (progress := progress_of(cell)) else ""
    yield "settings", f"{cell.settings_tried} tried, {cell.settings_complete} with every seed{left}"
    if cell.setting is not None:
        yield "chosen", f"setting {cell.setting}, seeds {', '.join(map(str, cell.seeds))}"
    if cell.selection is not None:
        one = cell.selection
        yield "chosen by", f"{one.metric} of {one.task}/{one.split}/{one.language}"


def _flags(cell: Cell) -> Iterator[str]:
    if cell.collapsed:
        yield "Collapse: the intermediate task all but destroyed this target."
    if cell.unequal:
        yield "Unequal tuning budget: chosen from fewer settings than others of its target."
    if cell.oracle:
        yield "Oracle: gold of a target language had a part in it, so it is not a zero-shot score."
    if cell.labelled:
        yield f"Labelled data in {', '.join(cell.labelled)} was seen: scores there are not zero-shot."
    if cell.synthetic:
        yield "Synthetic data (mini world): it says nothing about a benchmark."


def _languages(cell: Cell, baseline: Cell | None) -> tuple[tuple[str, str, str, str], ...]:
    other = baseline.languages if baseline else {}
    gains = differences(cell, baseline)
    codes = sorted(cell.languages, key=english_first)
    return tuple((code, number(other.get(code)), number(cell.languages[code]), signed(gains.get(code))) for code in codes)


def _language_plot(name: str, target: str, cell: Cell, baseline: Cell | None) -> Markup | None:
    gains = differences(cell, baseline)
    rows = [Bar(name=code, value=gains[code]) for code in sorted(gains, key=english_first)]
    return bars(rows, says=f"Points of {name} against no intermediate task on {target}, by language") if rows else None


def _curves(chosen: Mapping[str, TrialRecord], name: str, target: str) -> Iterator[tuple[str, Markup]]:
    """The chosen setting's training losses: a chart a role, a line a seed."""
    for role in (Role.INTERMEDIATE, Role.TARGET):
        phases = {phase.key: phase for record in chosen.values() for phase in record.phases if phase.identity.role is role}
        plot = curve_plot(phases, f"Training loss of the {role.value} phase of {name}, then {target}; a line a seed")
        if plot is not None:
            yield f"{role.value} phase, a line a seed", plot


def _phases(chosen: Mapping[str, TrialRecord]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Role, seed, outcome, steps, seconds, first and last loss of every phase of the chosen trials."""
    for record in chosen.values():
        for phase in record.phases:
            yield (
                f"{phase.identity.role.value}: {phase.identity.name}",
                str(record.seed),
                phase.outcome,
                f"{phase.steps:,}",
                f"{phase.seconds:,.1f}",
                _ends(phase),
            )


def _ends(phase: PhaseTrace) -> str:
    return f"{phase.curve[0][1]:.3f} to {phase.curve[-1][1]:.3f}" if phase.curve else "…"
