"""Optuna's TPE for a whole round of settings: the same draws, at a fraction of the time.

* The settings of a round are drawn from the same two densities, each with random numbers of its own. So what follows from the
  densities is computed once, and the candidates of all settings go through numpy together.
* A draw is bit for bit that of `TPESampler(multivariate=True, constant_liar=False)`: the same random numbers in the same order,
  and for each candidate the same operations on floating-point numbers, whatever stands beside it in an array.
* Axes are choices and continuous ranges; a range of whole numbers is not drawn here (`draws`).

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"; kernels as in Optuna's multivariate TPE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers._tpe.sampler import default_gamma
from optuna.trial import FrozenTrial, TrialState

from sweep.search.kernels import Array, mixtures

CANDIDATES = 24
"""Settings that are looked at for each that is drawn."""


def draws(space: Mapping[str, BaseDistribution]) -> bool:
    """Whether this module draws in a space."""
    return bool(space) and all(
        isinstance(axis, CategoricalDistribution) or (isinstance(axis, FloatDistribution) and axis.step is None)
        for axis in space.values()
    )


class Tpe:
    """Draws settings of one study in `space`, whose axes have more than one value each and are sorted by name."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        """Where nothing was settled yet there is nothing to draw from."""
        self.space = dict(space)
        self._dice = np.random.RandomState(0)
        self._rows: dict[int, tuple[FrozenTrial, list[float]]] = {}

    def draw(self, seeds: Iterable[int], known: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
        """A setting a seed, after the settled trials `known`, which are in the order of their numbers."""
        rows, good = np.array([self._row(trial) for trial in known]), _good(known)
        below, above = mixtures([rows[good], rows[~good]], list(self.space.values()))
        uniform = np.array([self._uniform(seed) for seed in seeds])
        candidates = below.quantiles(uniform)
        gain = below.log_density(candidates) - above.log_density(candidates)
        best = gain.reshape(len(uniform), CANDIDATES).argmax(axis=1) + np.arange(len(uniform)) * CANDIDATES
        return [self._setting([axis[place] for axis in candidates]) for place in best.tolist()]

    def _uniform(self, seed: int) -> Array:
        """The random numbers of a draw, [1 + axes, candidates]: which kernel, and where on each axis: choices, then ranges."""
        self._dice.seed(seed)
        return self._dice.random_sample((1 + len(self.space), CANDIDATES))

    def _row(self, trial: FrozenTrial) -> list[float]:
        """A trial's place on each axis."""
        had = self._rows.get(trial.number)
        if had is None or had[0] is not trial:
            row = [axis.to_internal_repr(trial.params[name]) for name, axis in self.space.items()]
            had = self._rows[trial.number] = trial, row
        return had[1]

    def _setting(self, places: Sequence[Any]) -> dict[str, Any]:
        return {
            name: axis.to_external_repr(place.item()) for (name, axis), place in zip(self.space.items(), places, strict=True)
        }


def _good(known: Sequence[FrozenTrial]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which trials make the density of the good: the best complete ones; where they are too few, those that came furthest."""
    count = default_gamma(len(known))
    scores = {place: trial.value or 0.0 for place, trial in enumerate(known) if trial.state is TrialState.COMPLETE}
    chosen = sorted(scores, key=scores.__getitem__, reverse=True)[:count]
    if len(chosen) < count:
        pruned = {place: _reached(trial) for place, trial in enumerate(known) if place not in scores}
        chosen += sorted(pruned, key=pruned.__getitem__)[: count - len(chosen)]
    good = np.zeros(len(known), dtype=np.bool_)
    good[chosen] = True
    return good


def _reached(trial: FrozenTrial) -> tuple[float, float]:
    """The lowest goes first: whoever came furthest, and of equals the one with the best score there."""
    rung, score = max(trial.intermediate_values.items(), default=(-1, 0.0))
    return -rung, -score
