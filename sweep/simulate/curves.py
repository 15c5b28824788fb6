"""Learning curves for simulated trials: measured ones, made to fit the pairs and the space of any grid, or a parametric family.

A score is a function of the curves' seed, the pair, the setting, the trial's seed and the share of the last phase, of nothing
else. Scores are English dev scores in percent.

* `measured`: each pair follows one of the target phases in `curves.json`, which were measured on the mini world over a range of
  learning rates, numbers of epochs and seeds (`benchmarks/learning_curves.py`); one of its own kind of task where there is one.
  The space's range of rates is laid over the measured range, and the measured optimum is moved a little for each pair. Noise
  has the spread over seeds that was measured, and noise at a rung and at the end belong together as they did there.
* `power`: a saturating power law of the share, whose end falls with the squared distance of log rate from an optimum, with
  Gaussian noise for the trial and for each look.
* In both, the intermediate setting shifts a pair, and its own rate and epochs matter a little.
"""

from __future__ import annotations

import functools
import json
import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from statistics import fmean
from typing import Any, Protocol

from search_spaces.values import Choices, Range
from sweep.planning.plan import Plan
from sweep.planning.studies import Setting, StudySpec

TRANSFER = 2.0
"""Points by which an intermediate setting shifts a pair: one standard deviation."""
SHIFT = 0.12
"""How far a pair's optimum lies from the measured one: one standard deviation, in widths of the range of rates."""


class Curves(Protocol):
    """Where simulated scores come from."""

    def score(self, spec: StudySpec, setting: Setting, seed: int, share: float) -> float:
        """English dev score of a trial after a share of its last phase."""

    def expected(self, spec: StudySpec, setting: Setting, share: float = 1.0) -> float:
        """The same without the noise of a trial: what a setting is worth."""


@dataclass(frozen=True)
class Table:
    """One measured target phase: `scores[rate][epochs]` holds a curve a seed, a score for each of `shares`."""

    kind: str
    shares: tuple[float, ...]
    rates: tuple[float, ...]
    scores: Mapping[float, Mapping[int, tuple[tuple[float, ...], ...]]]

    def mean(self, place: float, epochs: float, share: float) -> float:
        """The mean curve at a place from 0 (the lowest measured rate) to 1 (the highest), between its neighbours."""
        at = self._at(place)
        low = min(int(at), len(self.rates) - 2)
        left, right = (
            fmean(between(self.shares, run, share) for run in self._cell(number, epochs)) for number in (low, low + 1)
        )
        return left + (right - left) * (at - low)

    def noise(self, dice: random.Random, place: float, epochs: float, share: float) -> float:
        """How far a run lies from the mean, with the covariance over shares that the nearest measured runs have.

        It is their residuals, weighted by Gaussian numbers from the dice (the wild bootstrap).
        """
        runs = [between(self.shares, run, share) for run in self._cell(round(self._at(place)), epochs)]
        mean = fmean(runs)
        return sum(dice.gauss(0.0, 1.0) * (run - mean) for run in runs) / math.sqrt(len(runs) - 1)

    def _at(self, place: float) -> float:
        return min(1.0, max(0.0, place)) * (len(self.rates) - 1)

    def _cell(self, rate: int, epochs: float) -> tuple[tuple[float, ...], ...]:
        cells = self.scores[self.rates[rate]]
        return cells[min(cells, key=lambda measured: abs(math.log(epochs / measured)))]


def between(places: Sequence[float], values: Sequence[float], at: float) -> float:
    """Linear between two neighbours, and from nothing at 0 to the first; `places` rise."""
    right = bisect_right(places, at)
    if right == len(places):
        return values[-1]
    low, value = (places[right - 1], values[right - 1]) if right else (0.0, 0.0)
    return value + (values[right] - value) * (at - low) / (places[right] - low)


@functools.cache
def tables() -> tuple[Table, ...]:
    """The measured tables."""
    read = json.loads((files("sweep.simulate") / "curves.json").read_text("utf-8"))
    return tuple(_table(item, tuple(read["shares"])) for item in read["tables"])


def _table(item: Mapping[str, Any], shares: tuple[float, ...]) -> Table:
    scores: dict[float, dict[int, tuple[tuple[float, ...], ...]]] = {}
    for rate, epochs, _, curve in item["curves"]:
        cell = scores.setdefault(rate, {})
        cell[epochs] = (*cell.get(epochs, ()), tuple(curve))
    return Table(str(item["kind"]), shares, tuple(sorted(scores)), scores)


@dataclass(frozen=True)
class Measured:
    """Curves after the measured tables; `kinds` maps a study's group to its kind of task."""

    seed: int
    kinds: Mapping[str, str]

    def score(self, spec: StudySpec, setting: Setting, seed: int, share: float) -> float:
        """See `Curves`."""
        table, shift = self._table(spec)
        dice, place = _dice(self.seed, spec, setting, seed), _place(spec, "target", setting, 0.6) + shift
        noise = table.noise(dice, place, setting.get("target.epochs", 3.0), share)
        return bounded(self.expected(spec, setting, share) + noise)

    def expected(self, spec: StudySpec, setting: Setting, share: float = 1.0) -> float:
        """See `Curves`."""
        table, shift = self._table(spec)
        place = _place(spec, "target", setting, 0.6) + shift
        mean = table.mean(place, setting.get("target.epochs", 3.0), share)
        return bounded(mean + _transfer(self.seed, spec, setting) * _weight(mean))

    def _table(self, spec: StudySpec) -> tuple[Table, float]:
        """The measured phase that a pair follows, and how far its optimum is moved."""
        dice = random.Random(f"{self.seed}/{spec.model}/{spec.group}")
        alike = [table for table in tables() if table.kind == self.kinds.get(spec.group)]
        return dice.choice(alike or list(tables())), dice.gauss(0.0, SHIFT)


@dataclass(frozen=True)
class PowerLaw:
    """The parametric family: score(s) = floor + (end - floor) (1 - (1 + s/c)^-p) / (1 - (1 + 1/c)^-p)."""

    seed: int

    def score(self, spec: StudySpec, setting: Setting, seed: int, share: float) -> float:
        """See `Curves`."""
        lasting = _dice(self.seed, spec, setting, seed).gauss(0.0, 0.6)
        look = _dice(self.seed, spec, setting, seed, share).gauss(0.0, 0.4)
        return bounded(self.expected(spec, setting, share) + lasting + look)

    def expected(self, spec: StudySpec, setting: Setting, share: float = 1.0) -> float:
        """See `Curves`."""
        dice = random.Random(f"{self.seed}/{spec.model}/{spec.group}")
        top, floor, best = dice.uniform(70, 90), dice.uniform(5, 40), dice.uniform(0.3, 0.7)
        knee, power = dice.uniform(0.05, 0.3), dice.uniform(0.5, 2.0)
        away = _place(spec, "target", setting, best) - best
        end = top - 60.0 * away * away + 1.5 * math.log2(setting.get("target.epochs", 3.0) / 3.0)
        gained = (1 - (1 + share / knee) ** -power) / (1 - (1 + 1 / knee) ** -power)
        mean = floor + (end - floor) * gained
        return bounded(mean + _transfer(self.seed, spec, setting) * _weight(mean))


def curves_of(plan: Plan, kind: str, seed: int) -> Curves:
    """The curves of a plan; `kind` is measured or power."""
    if kind == "power":
        return PowerLaw(seed)
    return Measured(seed, {spec.group: str(plan.sources[spec.group].row.kind) for spec in plan.studies})


def _dice(seed: int, spec: StudySpec, setting: Setting, *further: float) -> random.Random:
    """Dice of one trial, or of one look at it."""
    return random.Random(f"{seed}/{spec.name}/{sorted(setting.items())}/{further}")


def _place(spec: StudySpec, role: str, setting: Setting, default: float) -> float:
    """Where a phase's rate lies in the range of its space, in log rate, from 0 to 1; `default` where nothing is searched."""
    axis, rate = spec.axes.get(f"{role}.lr"), setting.get(f"{role}.lr")
    if isinstance(axis, Choices):
        low, high = min(axis.values), max(axis.values)
    elif isinstance(axis, Range):
        low, high = axis.low, axis.high
    else:
        return default
    return math.log(rate / low) / math.log(high / low) if rate and high > low else default


def _transfer(seed: int, spec: StudySpec, setting: Setting) -> float:
    """Points that an intermediate phase gives to a pair, or takes from it."""
    if spec.intermediate.is_baseline:
        return 0.0
    dice = random.Random(f"{seed}/{spec.name}/transfer")
    gain, best = dice.gauss(0.5, TRANSFER), dice.uniform(0.0, 1.0)
    away = _place(spec, "intermediate", setting, best) - best
    return gain - 1.5 * away * away + 0.3 * math.log2(setting.get("intermediate.epochs", 1.0))


def _weight(mean: float) -> float:
    """Near 0 and 100 % nothing can shift by much."""
    return max(0.0, 4 * mean * (100 - mean) / 10_000)


def bounded(score: float) -> float:
    """A score between 0 and 100 percent."""
    return min(100.0, max(0.0, score))
