"""Which setting a study tries next: Optuna's samplers, asked so that the answer follows from seeds and scores alone.

The setting with number n depends on the search's seed, the study's label and budget, n, and the scores of the settings of the
rounds before its own; never on the order in which trials happened to end, nor on where a launch was cut short.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.values import Choices, Range
from sweep.planning.studies import Setting, StudySpec
from sweep.search.tpe import Tpe, draws

ATTEMPTS = 40
"""How often a new setting is drawn at random before what is left of a discrete space is listed."""
optuna.logging.set_verbosity(optuna.logging.WARNING)


def distributions(study: StudySpec) -> dict[str, BaseDistribution]:
    """Optuna's form of a study's axes."""
    return {name: _distribution(name, axis) for name, axis in study.axes.items()}


def _distribution(name: str, axis: object) -> BaseDistribution:
    if isinstance(axis, Choices):
        return CategoricalDistribution(list(axis.values))
    assert isinstance(axis, Range)
    if name.endswith("epochs"):
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


Frozen = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Drawer:
    """Draws the settings of one study; `wanted` is how many it will have."""

    spec: StudySpec
    wanted: int
    sampler: str
    search_seed: int
    _settled: _Settled = field(default_factory=lambda: _Settled(), init=False, repr=False, compare=False)

    @cached_property
    def spaces(self) -> dict[str, BaseDistribution]:
        """Optuna's form of the axes."""
        return distributions(self.spec)

    def draw(self, numbers: Sequence[int], taken: Iterable[Frozen], known: Sequence[FrozenTrial]) -> list[Setting]:
        """The settings of some numbers of a round, none of those that are `taken`; fewer when the space has no others.

        `known` are settled trials in the order of their numbers. Which numbers are drawn together makes no difference.
        """
        seen, found = set(taken), list[Setting]()
        for number, first in zip(numbers, self._first(numbers, known), strict=True):
            setting = self._new(number, first, seen, known)
            if setting is None:
                break
            seen.add(frozen(setting))
            found.append(setting)
        return found

    def as_drawn(self, values: Mapping[str, float]) -> Setting:
        """Values that were read from a record, as the sampler gives them."""
        return {name: space.to_external_repr(space.to_internal_repr(values[name])) for name, space in self.spaces.items()}

    def _new(self, number: int, first: Setting, seen: set[Frozen], known: Sequence[FrozenTrial]) -> Setting | None:
        """The first setting that is drawn, or, where it was seen, the next random one that was not."""
        for attempt in range(ATTEMPTS):
            setting = self._sampled(RandomSampler(seed=self._seed(number, attempt)), known) if attempt else first
            if frozen(setting) not in seen:
                return setting
        left = [setting for setting in _all_settings(self.spec) if frozen(setting) not in seen]
        return random.Random(self._seed(number, ATTEMPTS)).choice(left) if left else None

    def _first(self, numbers: Sequence[int], known: Sequence[FrozenTrial]) -> list[Setting]:
        """What the sampler gives for each number, whether it was seen or not."""
        seeds = [self._seed(number, 0) for number in numbers]
        if self.sampler == "random":
            return [self._sampled(RandomSampler(seed=seed), known) for seed in seeds]
        if self._tpe is None or len(known) < max(1, self._startup):
            return [self._sampled(self._by_optuna(seed), known) for seed in seeds]
        return [self._whole(values) for values in self._tpe.draw(seeds, known)]

    def _sampled(self, sampler: BaseSampler, known: Sequence[FrozenTrial]) -> Setting:
        """What `Study.ask` would give after the known trials, without a trial that is then thrown away."""
        study, trial = self._settled.study(sampler, known), create_trial(state=TrialState.RUNNING)
        values = sampler.sample_relative(study, trial, self._free if known else {})
        for name, space in self.spaces.items():
            if name not in values and not space.single():
                values[name] = sampler.sample_independent(study, trial, name, space)
        return self._whole(values)

    def _whole(self, values: Mapping[str, Any]) -> Setting:
        """A setting, from what was drawn on the axes that have more than one value."""
        return {name: values[name] if name in values else _only_value(space) for name, space in self.spaces.items()}

    @cached_property
    def _free(self) -> dict[str, BaseDistribution]:
        """The axes with more than one value."""
        return {name: space for name, space in sorted(self.spaces.items()) if not space.single()}

    @cached_property
    def _tpe(self) -> Tpe | None:
        return Tpe(self._free) if draws(self._free) else None

    @property
    def _startup(self) -> int:
        """How many settings are random before the first that follows from scores."""
        return min(4, self.wanted // 2)

    def _by_optuna(self, seed: int) -> BaseSampler:
        return TPESampler(seed=seed, multivariate=True, constant_liar=False, n_startup_trials=self._startup)

    def _seed(self, number: int, attempt: int) -> int:
        text = f"{self.search_seed}/{self.spec.stream or self.spec.label}/{number}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class _Settled(InMemoryStorage):
    """The settled trials of a study, for a sampler to look at; they are handed over as they are: copying them takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: Sequence[FrozenTrial] = ()
        self._name = optuna.create_study(storage=self, direction="maximize", sampler=RandomSampler()).study_name

    def study(self, sampler: BaseSampler, known: Sequence[FrozenTrial]) -> optuna.Study:
        """A study that knows these trials and asks this sampler."""
        self.trials = known
        return optuna.Study(self._name, self, sampler)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials, in the order of their numbers."""
        return [trial for trial in self.trials if states is None or trial.state in states]


def _only_value(space: BaseDistribution) -> Any:
    """The one value of a distribution that has no other."""
    if isinstance(space, CategoricalDistribution):
        return space.choices[0]
    assert isinstance(space, (IntDistribution, FloatDistribution))
    return space.low


def frozen(setting: Mapping[str, Any]) -> Frozen:
    """A setting that can be compared and kept in a set."""
    return tuple(sorted((name, float(value)) for name, value in setting.items()))


def _all_settings(spec: StudySpec) -> Iterable[Setting]:
    """Every setting of a discrete space; nothing for a continuous one, which never runs out."""
    axes: list[Iterable[Any]] = []
    for space in distributions(spec).values():
        if isinstance(space, CategoricalDistribution):
            axes.append(space.choices)
        elif isinstance(space, IntDistribution):
            axes.append(range(space.low, space.high + 1))
        else:
            return ()
    return (dict(zip(spec.axes, values, strict=True)) for values in itertools.product(*axes))
