"""How a pair's score depends on its hyperparameters: the settings that were tried, and which values mattered."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.cells import Cell, Pair
from reports.numbers import amount, number, several
from reports.page.charts import Dot, dots
from reports.page.facts import FEW, Facts
from training.record import Status, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: `dev` is its mean English dev score, `how` what became of it, `trials` are (seed, name, status)."""

    study: str
    number: int
    values: Mapping[str, float]
    dev: float | None
    how: str
    trials: tuple[tuple[int, str, str], ...]

    @property
    def shown(self) -> str:
        """Its hyperparameters in one line."""
        return ", ".join(f"{name} {value:g}" for name, value in sorted(self.values.items())) or "nothing searched"

    @property
    def score(self) -> str:
        """Its dev score as text."""
        return number(self.dev, 2)


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """A plot a hyperparameter that varied, and importances (name, percent); `says` tells why there are none."""

    plots: tuple[tuple[str, Markup], ...]
    importances: tuple[tuple[str, str], ...]
    says: str


def settings_of(records: Sequence[TrialRecord], cell: Cell) -> tuple[Setting, ...]:
    """The settings of a pair: the chosen one first, then by dev score; those without one last."""
    found: dict[tuple[str, int], list[TrialRecord]] = defaultdict(list)
    for record in records:
        found[record.study, record.number].append(record)
    made = [_setting(study, index, runs, cell) for (study, index), runs in found.items()]
    rank = {"chosen": 0, "run to its end": 1, "stopped early": 2}
    return tuple(sorted(made, key=lambda one: (rank.get(one.how, 3), -(one.dev or 0.0), one.number, one.study)))


def _setting(study: str, index: int, runs: Sequence[TrialRecord], cell: Cell) -> Setting:
    ended = [run for run in runs if run.status is Status.FINISHED] or [run for run in runs if run.status is Status.STOPPED]
    scores = [run.selection.score for run in ended if run.selection is not None]
    return Setting(
        study=study,
        number=index,
        values=runs[0].hyperparameters,
        dev=statistics.fmean(scores) if scores else None,
        how="chosen" if any(run.trial in cell.trials for run in runs) else _became(runs),
        trials=tuple((run.seed, run.trial, run.status.value) for run in runs),
    )


def _became(runs: Sequence[TrialRecord]) -> str:
    statuses = {run.status for run in runs}
    if Status.FINISHED in statuses:
        return "run to its end"
    return "stopped early" if Status.STOPPED in statuses else "failed"


def sensitivity_of(facts: Facts, settings: Sequence[Setting], pair: Pair) -> Sensitivity:
    """Plots of every hyperparameter with more than one value, and importances where enough settings were run."""
    scored = [one for one in settings if one.dev is not None]
    names = sorted({name for one in scored for name in one.values})
    varied = [name for name in names if len({one.values[name] for one in scored if name in one.values}) > 1]
    found = next((facts.importances[one.study] for one in settings if one.study in facts.importances), None)
    shares = () if found is None else sorted(found.shares.items(), key=lambda item: (-item[1], item[0]))
    return Sensitivity(
        plots=tuple((name, _plot(name, scored, pair)) for name in varied),
        importances=tuple((name, f"{100 * share:.0f} %") for name, share in shares),
        says="" if shares else _why_none(scored, varied),
    )


def _plot(name: str, settings: Sequence[Setting], pair: Pair) -> Markup:
    points = [_point(one, name) for one in settings if name in one.values]
    says = f"English dev score by {name}, {pair.intermediate} to {pair.target}; the settings' table has the numbers"
    return dots(points, says=says, x=name, y="English dev score")


def _point(one: Setting, name: str) -> Dot:
    look = {"chosen": "dot chosen", "stopped early": "cross"}.get(one.how, "dot")
    says = f"chosen: setting {one.number}, {amount(one.values[name])}, dev {one.score}" if one.how == "chosen" else ""
    return Dot(x=one.values[name], y=one.dev or 0.0, look=look, says=says)


def _why_none(scored: Sequence[Setting], varied: Sequence[str]) -> str:
    ended = sum(one.how in ("chosen", "run to its end") for one in scored)
    if len(varied) < 2:
        return "No importance: fewer than two hyperparameters had more than one value."
    if ended < FEW:
        return f"No importance: {several(ended, 'setting')} run to the end, and it takes {FEW}."
    return "No importance was computed."
