"""One Optuna study a pair: which settings it tries, and what they scored.

* The setting with number n depends on the search's seed, the study's label, n, and the scores of the settings before its round;
  never on the order in which trials of the sweep happened to end. An interrupted search therefore asks for the settings it would
  have asked for.
* Settings are written to Optuna's storage when they are asked for, and told when every seed has a record. Records are the source: a
  lost storage is filled again from them.
* A setting that was tried before is drawn again; a space with nothing left ends the study early.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search_spaces.values import Choices, Range
from sweep.plan import Setting, StudySpec
from training.record import Status, TrialRecord

DUPLICATE = "duplicate"
ATTEMPTS = 40
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


@dataclass
class StudyBook:
    """A study under way. `wanted` is its number of settings, `seeds` those each setting is run with."""

    spec: StudySpec
    study: optuna.Study
    wanted: int
    seeds: tuple[int, ...]
    sampler: str
    search_seed: int
    at_once: int
    exhausted: bool = False
    scores: dict[tuple[int, int], float | None] = field(default_factory=dict)

    @property
    def settings(self) -> list[Setting]:
        """Settings asked for so far, by number."""
        return [trial.params for trial in self._asked()]

    def _asked(self) -> list[optuna.trial.FrozenTrial]:
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if DUPLICATE not in trial.user_attrs][: self.wanted]

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Take up what earlier launches left: settings that only records know, and every score."""
        mine = sorted(
            (record for record in records if record.study == self.spec.label), key=lambda record: (record.number, record.seed)
        )
        for record in mine:
            if record.number == len(self.settings) and record.number < self.wanted:
                self._add(dict(record.hyperparameters))
        for record in mine:
            if record.number < len(self.settings) and record.seed in self.seeds:
                self.note(record.number, record.seed, _score(record))

    def _add(self, setting: dict[str, Any]) -> None:
        spaces = distributions(self.spec)
        setting = {name: int(value) if isinstance(spaces[name], IntDistribution) else value for name, value in setting.items()}
        self.study.add_trial(create_trial(state=TrialState.RUNNING, params=setting, distributions=spaces))

    def note(self, number: int, seed: int, score: float | None) -> None:
        """Write down a trial's score (None: it failed); tells Optuna when the setting has all its seeds."""
        self.scores[number, seed] = score
        frozen = self._asked()[number]
        if frozen.state.is_finished() or any((number, other) not in self.scores for other in self.seeds):
            return
        values = [self.scores[number, other] for other in self.seeds]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            self.study.tell(frozen.number, sum(known) / len(known))
        else:
            self.study.tell(frozen.number, state=TrialState.FAIL)

    def open_trials(self) -> list[tuple[int, int, Setting]]:
        """(number, seed, setting) of trials without a score, asking for the next round of settings when the last is complete."""
        settings = self.settings
        complete = len(settings) * len(self.seeds) == len(self.scores)
        cut = len(settings) % self.at_once != 0  # a round that a kill cut short: nothing of it has run yet
        if len(settings) < self.wanted and not self.exhausted and (complete or cut):
            self._ask(min(self.at_once, self.wanted - len(settings)))
            settings = self.settings
        return [
            (number, seed, setting)
            for number, setting in enumerate(settings)
            for seed in self.seeds
            if (number, seed) not in self.scores
        ]

    @property
    def done(self) -> bool:
        """Whether nothing is left to run."""
        return not self.open_trials()

    def _ask(self, count: int) -> None:
        round_end = -(-(len(self.settings) + 1) // self.at_once) * self.at_once
        for _ in range(min(count, round_end - len(self.settings))):
            if not self._ask_one():
                self.exhausted = True
                return

    def _ask_one(self) -> bool:
        seen = {_frozen(setting) for setting in self.settings}
        for attempt in range(ATTEMPTS):
            self.study.sampler = self._sampler(len(seen), attempt)
            trial = self.study.ask(distributions(self.spec))
            if _frozen(trial.params) not in seen:
                return True
            trial.set_user_attr(DUPLICATE, True)
            self.study.tell(trial, state=TrialState.FAIL)
        return False

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        """The sampler of one setting, seeded by its number; random when the model-based one repeats itself."""
        text = f"{self.search_seed}/{self.spec.label}/{number}/{attempt}"
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        if self.sampler == "random" or attempt:
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=False, n_startup_trials=min(4, self.wanted // 2)
        )


def _frozen(setting: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((name, float(value)) for name, value in setting.items()))


def _score(record: TrialRecord) -> float | None:
    if record.status is Status.FAILED:
        return None
    return record.selection.score if record.selection else 0.0


def open_book(
    spec: StudySpec, storage: Any, *, wanted: int, seeds: tuple[int, ...], sampler: str, search_seed: int, at_once: int
) -> StudyBook:
    """Open a study, making it when it is not there; always maximised."""
    study = optuna.create_study(study_name=spec.label, storage=storage, direction="maximize", load_if_exists=True)
    return StudyBook(spec, study, wanted, seeds, sampler, search_seed, at_once)


def open_storage(url: str) -> Any:
    """Optuna storage of a sweep (SQLite in the run folder unless told otherwise)."""
    return optuna.storages.RDBStorage(
        url, engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith("sqlite") else None
    )
