"""One Optuna study a pair: which settings it tries, and what they scored.

* The setting with number n depends on the search's seed, the study's label and budget, n, and the scores of the settings of the
  rounds before its own; never on the order in which trials happened to end, nor on where a launch was cut short. An interrupted
  search therefore asks for the settings it would have asked for.
* A setting is drawn in memory and written to Optuna's storage in one piece when it is asked for; it is told when every seed has
  a record. Records are the source: a lost storage is filled again from them, and where the two differ the record holds.
* No setting is tried twice, whether it failed or not; a space with nothing left ends the study early.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search_spaces.values import Choices, Range
from sweep.planning.plan import Setting, StudySpec
from training.errors import UserError
from training.record import Status, TrialRecord

ATTEMPTS = 40
"""How often a new setting is drawn at random before what is left of a discrete space is listed."""
SQLITE = "sqlite:///"
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
    """A study under way. `wanted` is its number of settings, `seeds` those each setting is run with.

    `scores` maps (setting, seed) to a trial's score, None where it failed. An open book is its study's only writer.
    """

    spec: StudySpec
    study: optuna.Study
    wanted: int
    seeds: tuple[int, ...]
    sampler: str
    search_seed: int
    at_once: int
    exhausted: bool = False
    scores: dict[tuple[int, int], float | None] = field(default_factory=dict)
    _asked: list[tuple[int, Setting]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Take up the settings in the storage (by Optuna's own number)."""
        axes, seen = set(self.spec.axes), set()
        for trial in self.study.get_trials(deepcopy=False):
            if set(trial.params) == axes and _frozen(trial.params) not in seen:
                seen.add(_frozen(trial.params))
                self._asked.append((trial.number, dict(trial.params)))

    @property
    def settings(self) -> list[Setting]:
        """Settings asked for so far, by number."""
        return [setting for _, setting in self._asked[: self.wanted]]

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Take up what earlier launches left: settings that only records know, and every score."""
        mine = (record for record in records if record.study == self.spec.label and record.number < self.wanted)
        for record in sorted(mine, key=lambda record: (record.number, record.seed)):
            while len(self._asked) < record.number and self._ask_one():
                continue
            if len(self._asked) < record.number:
                return
            self._hold(record.number, record.hyperparameters)
            if record.seed in self.seeds:
                self.note(record.number, record.seed, score_of(record))

    def _hold(self, number: int, values: Mapping[str, float]) -> None:
        """Make a record's setting that of its number."""
        spaces = distributions(self.spec)
        setting = {name: space.to_external_repr(space.to_internal_repr(values[name])) for name, space in spaces.items()}
        if number == len(self._asked):
            self._add(setting)
        elif _frozen(self._asked[number][1]) != _frozen(setting):
            self._asked[number] = (self._asked[number][0], setting)

    def _add(self, setting: Setting) -> None:
        spaces = distributions(self.spec)
        self.study.add_trial(create_trial(state=TrialState.RUNNING, params=dict(setting), distributions=spaces))
        self._asked.append((self.study.get_trials(deepcopy=False)[-1].number, setting))

    def note(self, number: int, seed: int, score: float | None) -> None:
        """Write down a trial's score (None: it failed); tells Optuna the mean when the setting has all its seeds."""
        self.scores[number, seed] = score
        if any((number, other) not in self.scores for other in self.seeds):
            return
        mean, place = self._mean(number), self._asked[number][0]
        if mean is None:
            self.study.tell(place, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self.study.tell(place, mean, skip_if_finished=True)

    def _mean(self, number: int) -> float | None:
        """The mean over seeds; None when one of them failed or has no score."""
        known = [score for seed in self.seeds if (score := self.scores.get((number, seed))) is not None]
        return sum(known) / len(known) if len(known) == len(self.seeds) else None

    def open_trials(self) -> list[tuple[int, int, Setting]]:
        """(number, seed, setting) of trials without a score; asks for the next round of settings when the last is complete."""
        asked = len(self.settings)
        complete = all((number, seed) in self.scores for number in range(asked) for seed in self.seeds)
        cut = asked % self.at_once != 0  # a round that a kill cut short while it was asked for
        if complete or cut:
            self._ask_round()
        return [
            (number, seed, setting)
            for number, setting in enumerate(self.settings)
            for seed in self.seeds
            if (number, seed) not in self.scores
        ]

    @property
    def done(self) -> bool:
        """Whether nothing is left to run."""
        return not self.open_trials()

    def _ask_round(self) -> None:
        end = min(self.wanted, self._round_start(len(self._asked)) + self.at_once)
        while len(self._asked) < end and not self.exhausted:
            self._ask_one()

    def _round_start(self, number: int) -> int:
        return number // self.at_once * self.at_once

    def _ask_one(self) -> bool:
        """Ask for the next setting; False when the space has no other."""
        setting = self._draw(len(self._asked))
        self.exhausted = setting is None
        if setting is not None:
            self._add(setting)
        return setting is not None

    def _draw(self, number: int) -> Setting | None:
        """The setting of a number: a function of the rounds before its own, and of the settings that are taken."""
        seen = {_frozen(setting) for _, setting in self._asked}
        known = self._known(self._round_start(number))
        for attempt in range(ATTEMPTS):
            drawn = optuna.create_study(direction="maximize", sampler=self._sampler(number, attempt))
            drawn.add_trials(known)
            setting = drawn.ask(distributions(self.spec)).params
            if _frozen(setting) not in seen:
                return setting
        left = [setting for setting in _all_settings(self.spec) if _frozen(setting) not in seen]
        return random.Random(self._seed(number, ATTEMPTS)).choice(left) if left else None

    def _known(self, end: int) -> list[optuna.trial.FrozenTrial]:
        """The scored settings before a number, as Optuna's trials."""
        spaces = distributions(self.spec)
        return [
            create_trial(params=dict(setting), distributions=spaces, value=mean)
            for number, (_, setting) in enumerate(self._asked[:end])
            if (mean := self._mean(number)) is not None
        ]

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        """The sampler of one setting, seeded by its number; random when the model-based one repeats itself."""
        seed = self._seed(number, attempt)
        if self.sampler == "random" or attempt:
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=False, n_startup_trials=min(4, self.wanted // 2)
        )

    def _seed(self, number: int, attempt: int) -> int:
        text = f"{self.search_seed}/{self.spec.label}/{number}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _frozen(setting: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
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


def score_of(record: TrialRecord) -> float | None:
    """The score a setting is chosen by: None where the trial failed, 0 where it has nothing to be chosen by."""
    if record.status is Status.FAILED:
        return None
    return record.selection.score if record.selection else 0.0


def open_book(
    spec: StudySpec,
    storage: Any,
    *,
    wanted: int,
    seeds: tuple[int, ...],
    sampler: str,
    search_seed: int,
    at_once: int,
    sweep: str = "",
) -> StudyBook:
    """Open a study, making it when it is not there; always maximised.

    `sweep` is put before its name, so that sweeps that share a storage do not share studies.

    Raises UserError when the storage holds a study of this name that something else made to be minimised.
    """
    name = f"{sweep}/{spec.label}" if sweep else spec.label
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    if study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        remedy = "give another SWEEP_OPTUNA_STORAGE, or remove that study: it is made again from the records"
        raise UserError("the storage's study of this name does not maximise one score", spec.label, remedy)
    return StudyBook(spec, study, wanted, seeds, sampler, search_seed, at_once)


def open_storage(url: str) -> Any:
    """Optuna storage of a sweep (SQLite in the run folder unless told otherwise); a damaged SQLite file is set aside."""
    if not url.startswith(SQLITE):
        return optuna.storages.RDBStorage(url)
    path = Path(url.removeprefix(SQLITE))
    if path.is_file() and not _is_sound(path):
        path.replace(path.with_name(f"{path.name}.damaged"))
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _is_sound(path: Path) -> bool:
    """Whether SQLite can make sense of a file."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as database:
            return bool(database.execute("pragma quick_check").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # in use, or not ours to read: not for us to decide
        return True
    except sqlite3.DatabaseError:
        return False
