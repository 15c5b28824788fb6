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
from sweep.planning.plan import Setting, StudySpec

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

    def draw(self, number: int, taken: Iterable[Setting], known: Sequence[FrozenTrial]) -> Setting | None:
        """The setting of a number, none of those that are `taken`; None when the space has no other.

        `known` are settled trials in the order of their numbers.
        """
        seen = {frozen(setting) for setting in taken}
        for attempt in range(ATTEMPTS):
            setting = self._sampled(self._sampler(number, attempt), known)
            if frozen(setting) not in seen:
                return setting
        left = [setting for setting in _all_settings(self.spec) if frozen(setting) not in seen]
        return random.Random(self._seed(number, ATTEMPTS)).choice(left) if left else None

    def as_drawn(self, values: Mapping[str, float]) -> Setting:
        """Values that were read from a record, as the sampler gives them."""
        return {name: space.to_external_repr(space.to_internal_repr(values[name])) for name, space in self.spaces.items()}

    def _sampled(self, sampler: BaseSampler, known: Sequence[FrozenTrial]) -> Setting:
        """What `Study.ask` would give after the known trials, without a trial that is then thrown away."""
        study, trial = self._settled.study(sampler, known), create_trial(state=TrialState.RUNNING)
        free = {name: space for name, space in sorted(self.spaces.items()) if known and not space.single()}
        values = sampler.sample_relative(study, trial, free)
        for name, space in self.spaces.items():
            if name not in values:
                only = space.single()
                values[name] = _only_value(space) if only else sampler.sample_independent(study, trial, name, space)
        return {name: values[name] for name in self.spaces}

    def _sampler(self, number: int, attempt: int) -> BaseSampler:
        """The sampler of one setting, seeded by its number; random when the model-based one repeats itself."""
        seed = self._seed(number, attempt)
        if self.sampler == "random" or attempt:
            return RandomSampler(seed=seed)
        # To build one takes a third of the time of a draw, so it is seeded anew; it remembers nothing else.
        self._model._rng.rng.seed(seed)
        self._model._random_sampler._rng.rng.seed(seed)
        return self._model

    @cached_property
    def _model(self) -> TPESampler:
        startup = min(4, self.wanted // 2)
        return _Model(seed=0, multivariate=True, constant_liar=False, n_startup_trials=startup)

    def _seed(self, number: int, attempt: int) -> int:
        text = f"{self.search_seed}/{self.spec.stream or self.spec.label}/{number}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


class _Model(TPESampler):
    """TPE that keeps its two densities while the trials that they rest on are the same: those of a round's other settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._densities: dict[tuple[bool, tuple[str, ...]], tuple[list[FrozenTrial], Any]] = {}

    def _build_parzen_estimator(
        self, study: optuna.Study, search_space: dict[str, BaseDistribution], trials: list[FrozenTrial], handle_below: bool
    ) -> Any:
        place = (handle_below, tuple(search_space))
        had, density = self._densities.get(place, ([], None))
        if density is None or len(had) != len(trials) or any(old is not new for old, new in zip(had, trials, strict=True)):
            density = super()._build_parzen_estimator(study, search_space, trials, handle_below)
            self._densities[place] = trials, density
        return density


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
    return space.choices[0] if isinstance(space, CategoricalDistribution) else space.low  # type: ignore[attr-defined]


def frozen(setting: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """A setting that can be compared and kept in a set."""
    return tuple(sorted((name, float(value)) for name, value in setting.items()))


def _all_settings(spec: StudySpec) -> Iterable[Setting]:
    """Every setting of a discrete space; nothing for a continuous one, which never runs out."""
    axes: list[Iterable[float]] = []
    for space in distributions(spec).values():
        if isinstance(space, CategoricalDistribution):
            axes.append(space.choices)  # type: ignore[arg-type]
        elif isinstance(space, IntDistribution):
            axes.append(range(space.low, space.high + 1))
        else:
            return ()
    return (dict(zip(spec.axes, values, strict=True)) for values in itertools.product(*axes))
