"""The two densities of TPE, each a mixture of a kernel a trial and one that knows nothing, computed as Optuna computes them.

Both are made together, since what is slow is the number of numpy's calls and not the numbers in them. Every operation works
element by element, or along a row, so nothing depends on what else stands in an array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, erfc, log
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.sampler import default_weights

Array = np.ndarray[Any, np.dtype[Any]]
ROOT = 2**0.5
EDGE = 1 / ROOT
LOG_ROOT_TWO_PI = math.log(math.sqrt(2 * math.pi))
LOGISTIC = math.sqrt(3) / math.pi
"""Scale at which the logistic distribution is near the normal one."""
STEPS = 100
"""The most Newton steps to a quantile."""
NEAR = 1e-8
"""Relative size of a Newton step that is the last."""


@dataclass(frozen=True)
class Choices:
    """An axis of choices: `shares` are probabilities, [kernels, values]."""

    shares: Array

    def quantiles(self, kernels: Array, uniform: Array) -> Array:
        """Numbers of the values at uniform numbers, each by its kernel."""
        cumulated = np.cumsum(self.shares, axis=-1)
        cumulated[:, -1] = 1
        found: Array = (cumulated[kernels] < uniform[:, None]).sum(axis=1)
        return found

    def log_density(self, places: Array) -> Array:
        """Logarithms of the probabilities, [candidates, kernels]."""
        found: Array = np.log(self.shares).T[places]
        return found


@dataclass(frozen=True)
class Range:
    """A continuous axis: truncated normal distributions, by kernel, whose ends are `low` and `high` standard deviations away.

    `mass` is the logarithm of what lies between the ends.
    """

    mean: Array
    width: Array
    low: Array
    high: Array
    mass: Array
    log_width: Array
    is_log: bool

    def log_density(self, places: Array) -> Array:
        """Logarithms of the densities, [candidates, kernels]; nothing is outside of the ends."""
        away = ((np.log(places) if self.is_log else places)[:, None] - self.mean) / self.width
        found: Array = -(away**2) / 2.0 - LOG_ROOT_TWO_PI - self.mass - self.log_width
        found[(away < self.low) | (away > self.high)] = -np.inf
        return found


class Mixture:
    """A density over the axes of a space; `weights` are those of its kernels."""

    def __init__(self, weights: Array, axes: Sequence[Choices | Range]) -> None:
        self.weights, self.axes = weights, axes

    def quantiles(self, uniform: Array) -> list[Array]:
        """Candidates by axis, [draws * candidates], from uniform numbers [draws, 1 + axes, candidates].

        The first of them choose kernels; then come those of choices, then those of ranges.
        """
        cumulated = self.weights.cumsum()
        kernels = (cumulated / cumulated[-1]).searchsorted(uniform[:, 0].ravel(), side="right")
        chosen = [number for number, axis in enumerate(self.axes) if isinstance(axis, Choices)]
        ranges = [number for number, axis in enumerate(self.axes) if isinstance(axis, Range)]
        found: dict[int, Array] = {}
        for place, number in enumerate(chosen, 1):
            axis: Any = self.axes[number]
            found[number] = axis.quantiles(kernels, uniform[:, place].ravel())
        if ranges:
            places = _places([self.axes[number] for number in ranges], kernels, uniform[:, 1 + len(chosen) :])
            found |= dict(zip(ranges, places, strict=True))
        return [found[number] for number in range(len(self.axes))]

    def log_density(self, places: Sequence[Array]) -> Array:
        """Logarithm of the density at candidates."""
        found = np.zeros((len(places[0]), len(self.weights)))
        ranges = []
        for axis, place in zip(self.axes, places, strict=True):
            if isinstance(axis, Choices):
                found += axis.log_density(place)
            else:
                ranges.append(axis.log_density(place))
        if ranges:
            found += sum(ranges[1:], ranges[0])
        found += np.log(self.weights)
        top = found.max(axis=1)
        top[np.isneginf(top)] = 0
        with np.errstate(divide="ignore"):
            whole: Array = np.log(np.exp(found - top[:, None]).sum(axis=1)) + top
        return whole


def mixtures(parts: Sequence[Array], space: Sequence[BaseDistribution]) -> list[Mixture]:
    """A mixture for each part of the trials; a part's rows are the trials' places on the axes, [trials, axes]."""
    axes = [
        _choices(parts, number, axis) if isinstance(axis, CategoricalDistribution) else _ranges(parts, number, axis)
        for number, axis in enumerate(space)
    ]
    return [Mixture(_weights(len(part)), own) for part, own in zip(parts, zip(*axes, strict=True), strict=True)]


def _weights(trials: int) -> Array:
    """Shares of the kernels: of many trials the oldest count less."""
    weights: Array = np.append(default_weights(trials), [1.0])
    shares: Array = weights / weights.sum()
    return shares


def _choices(parts: Sequence[Array], number: int, axis: CategoricalDistribution) -> list[Choices]:
    """A kernel gives its trial's value a whole share, and each value a small one."""
    found = []
    for part in parts:
        kernels = len(part) + 1
        shares = np.full((kernels, len(axis.choices)), 1.0 / kernels)
        shares[np.arange(len(part)), part[:, number].astype(int)] += 1
        found.append(Choices(shares / shares.sum(axis=1, keepdims=True)))
    return found


def _ranges(parts: Sequence[Array], number: int, axis: Any) -> list[Range]:
    """Kernels as wide as the gaps between trials; what follows from means and widths is computed for all parts at once."""
    low, high = (np.log(axis.low), np.log(axis.high)) if axis.log else (axis.low, axis.high)
    means, widths = list[Any](), list[Any]()
    for part in parts:
        places = np.log(part[:, number]) if axis.log else part[:, number]
        means += [places, [0.5 * (low + high)]]
        widths += [_gaps(places, low, high), [high - low]]
    mean: Array = np.concatenate(means)
    width: Array = np.concatenate(widths)
    ends = [((math.log(end) if axis.log else end) - mean) / width for end in (axis.low, axis.high)]
    columns: list[Array] = [mean, width, *ends, _log_between(*ends), np.log(width)]
    cuts = np.cumsum([0, *(len(part) + 1 for part in parts)]).tolist()
    names = ("mean", "width", "low", "high", "mass", "log_width")
    cut = [{name: column[start:end] for name, column in zip(names, columns, strict=True)} for start, end in pairwise(cuts)]
    return [Range(**own, is_log=axis.log) for own in cut]


def _gaps(places: Array, low: float, high: float) -> Array:
    """By trial, the wider gap to a neighbour, within limits; the ends of the range are neighbours of a trial that is alone."""
    order = np.argsort(places)
    gaps = np.diff(np.concatenate([[low], places[order], [high]]))
    wider = np.maximum(gaps[:-1], gaps[1:])
    if len(places) > 1:
        wider[0], wider[-1] = gaps[1], gaps[-2]
    found = np.empty(len(places))
    found[order] = wider
    whole = high - low
    return np.minimum(np.maximum(found, whole / min(100.0, 2.0 + len(places))), whole)


def _places(axes: Sequence[Any], kernels: Array, uniform: Array) -> list[Array]:
    """Places on the continuous axes, each [draws * candidates], from uniform numbers [draws, axes, candidates]."""
    draws, _, count = uniform.shape
    chosen = kernels.reshape(draws, count)
    low, high, mass = (np.stack([getattr(axis, name)[chosen] for axis in axes], axis=1) for name in ("low", "high", "mass"))
    if (low < 0).all():
        under = np.stack([_log_below(axis.low)[chosen] for axis in axes], axis=1)
        log_below = np.logaddexp(under, np.log(uniform) + mass)
        away = _normal_quantiles(log_below.reshape(draws, -1)).reshape(uniform.shape)
    else:  # a trial is at the very end of a range
        away = np.stack([_truncnorm.ppf(*ends) for ends in zip(uniform, low, high, strict=True)])
    places = []
    for number, axis in enumerate(axes):
        place = (away[:, number] * axis.width[chosen] + axis.mean[chosen]).ravel()
        places.append(np.exp(place) if axis.is_log else place)
    return places


def _log_between(low: Array, high: Array) -> Array:
    """Logarithm of the standard normal distribution's mass between two places."""
    if not ((low <= 0) & (high > 0)).all():
        return _truncnorm._log_gauss_mass(low, high)
    under, over = _truncnorm._ndtr(np.concatenate([low, -high])).reshape(2, -1)
    found: Array = np.log1p(-under - over)
    return found


def _normal_quantiles(log_below: Array) -> Array:
    """Where the standard normal distribution has these logarithms of its mass below, by Newton's method.

    A row of [draws, candidates] is at its end when all of it is: how many steps are taken decides the last bits.
    """
    flipped = log_below > -1e-2  # the upper tail, where the logarithm says little, is found from the other side
    goal = log_below.copy()
    goal[flipped] = np.log(-np.expm1(log_below[flipped]))
    found, far = np.empty_like(goal), goal < -5
    found[far] = -np.sqrt(-2.0 * (goal[far] + LOG_ROOT_TWO_PI))
    found[~far] = -LOGISTIC * np.log(np.expm1(-goal[~far]))
    left = np.arange(len(found))
    for _ in range(STEPS):
        at = found[left]
        log_below = _log_below(at)
        step = (log_below - goal[left]) * np.exp(log_below - (-0.5 * at**2 - LOG_ROOT_TWO_PI))
        found[left] = at = at - step
        left = left[~(np.abs(step) < NEAR * np.abs(at)).all(axis=1)]
        if not len(left):
            break
    found[flipped] *= -1
    return found


def _log_below(places: Array) -> Array:
    """Logarithm of the standard normal distribution's mass below each place."""
    found = [
        log(0.5 + 0.5 * erf(scaled)) if -EDGE <= (scaled := place / ROOT) < EDGE else _log_tail(place, scaled)
        for place in places.ravel().tolist()
    ]
    return np.array(found).reshape(places.shape)


def _log_tail(place: float, scaled: float) -> float:
    if place <= -20 or place > 6:
        return float(_truncnorm._log_ndtr_single(place))
    return log(0.5 * erfc(-scaled)) if scaled < 0 else log(1.0 - 0.5 * erfc(scaled))
