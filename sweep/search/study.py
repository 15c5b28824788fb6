"""One Optuna study a pair: which settings it tries, what they scored, and what of it can be run now.

* A setting is drawn in memory and written to Optuna's storage in one piece when it is asked for; it is told when it is settled.
  Records are the source: a lost storage is filled again from them, and where the two differ the record holds.
* No setting is tried twice, whether it failed or not; a space with nothing left ends the study early.
* What can be run follows from the scores: see `rules`. Without early stopping every setting of a round gets every seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweep.planning.plan import Setting, StudySpec
from sweep.search.drawing import Drawer, frozen
from sweep.search.rules import Leg, Rules, best, next_seed
from training.errors import UserError
from training.record import Status, TrialRecord


@dataclass
class StudyBook:
    """A study under way.

    `scores` maps (setting, seed) to a trial's score, None where it failed; `rungs` a setting to its scores at the rungs it has
    reached on the first seed; `stopped` are the settings that early stopping has ended. An open book is its study's one writer.
    """

    spec: StudySpec
    study: optuna.Study
    rules: Rules
    drawer: Drawer
    exhausted: bool = False
    scores: dict[tuple[int, int], float | None] = field(default_factory=dict)
    rungs: dict[int, dict[int, float]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    _asked: list[tuple[int, Setting]] = field(default_factory=list, init=False)
    _legs: list[Leg] | None = field(default=None, init=False)
    _told: dict[int, FrozenTrial] = field(default_factory=dict, init=False, repr=False)
    _settled: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Take up the settings in the storage (by Optuna's own number)."""
        axes, seen = set(self.spec.axes), set()
        for trial in self.study.get_trials(deepcopy=False):
            if set(trial.params) == axes and frozen(trial.params) not in seen:
                seen.add(frozen(trial.params))
                self._asked.append((trial.number, dict(trial.params)))

    @property
    def settings(self) -> list[Setting]:
        """Settings asked for so far, by number."""
        return [setting for _, setting in self._asked[: self.rules.wanted]]

    @property
    def done(self) -> bool:
        """Whether nothing is left to run."""
        return not self.legs()

    def likely_left(self) -> int:
        """Trials that are likely still to run (with early stopping, what will get further seeds is not known yet)."""
        legs, to_ask = self.legs(), 0 if self.exhausted else max(0, self.rules.wanted - len(self.settings))
        if not self.rules.best_seeds:
            return len(legs) + to_ask * len(self.rules.seeds)
        further = 0 if any(leg.seed != self.rules.lead for leg in legs) or not legs else len(self.rules.seeds) - 1
        return len(legs) + to_ask + further

    def setting(self, number: int) -> Setting:
        """The setting of a number."""
        return self._asked[number][1]

    def legs(self) -> list[Leg]:
        """What can be run now, or is running; asks for the next round of settings when the last is settled."""
        if self._legs is None:
            self._legs = self._stopping_legs() if self.rules.stopping else self._plain_legs()
        return self._legs

    def restore(self, records: Iterable[TrialRecord]) -> None:
        """Take up what earlier launches left: settings that only records know, every score, every rung."""
        mine = (record for record in records if record.study == self.spec.label and record.number < self.rules.wanted)
        for record in sorted(mine, key=lambda record: (record.number, record.seed)):
            while len(self._asked) < record.number and self._ask_one():
                continue
            if len(self._asked) < record.number:
                return
            self._hold(record.number, record.hyperparameters)
            if record.seed == self.rules.lead:
                self.rungs.setdefault(record.number, {}).update({rung.rung: rung.score for rung in record.rungs})
            if record.seed in self.rules.seeds and record.status in (Status.FINISHED, Status.FAILED):
                self.note(record.number, record.seed, score_of(record))
        self._legs, self._settled = None, 0

    def note(self, number: int, seed: int, score: float | None) -> None:
        """Write down a trial's score (None: it failed); tells Optuna when the setting is settled."""
        self.scores[number, seed], self._legs = score, None
        place = self._asked[number][0]
        if not self.rules.stopping and any((number, other) not in self.scores for other in self.rules.seeds):
            return
        value = self._value(number)
        if value is None:
            self.study.tell(place, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self.study.tell(place, value, skip_if_finished=True)

    def note_rung(self, number: int, rung: int, score: float) -> None:
        """Write down a setting's score at a rung (on the first seed)."""
        self.rungs.setdefault(number, {})[rung] = score
        self._legs = None

    def _value(self, number: int) -> float | None:
        """What Optuna is told of a setting: its mean over seeds, with early stopping the first seed's score; None: failed."""
        seeds = self.rules.seeds[:1] if self.rules.stopping else self.rules.seeds
        known = [score for seed in seeds if (score := self.scores.get((number, seed))) is not None]
        return sum(known) / len(known) if len(known) == len(seeds) else None

    def _plain_legs(self) -> list[Leg]:
        asked = len(self.settings)
        complete = all((number, seed) in self.scores for number in range(asked) for seed in self.rules.seeds)
        if complete or self._cut_short():
            self._ask_round()
        places = ((number, seed) for number in range(len(self.settings)) for seed in self.rules.seeds)
        return [Leg(number, seed) for number, seed in places if (number, seed) not in self.scores]

    def _stopping_legs(self) -> list[Leg]:
        if self._cut_short():
            self._ask_round()
        while self._settled < len(self.settings) or self._ask_round():
            start, end = self._settled, min(self._settled + self.rules.at_once, len(self.settings))
            if legs := self._round_legs(start, end):
                return legs
            self._stop(range(start, end))
            self._settled = end
        return next_seed(self.rules, self.scores, list(filter(self._finished, range(len(self.settings)))))

    def _round_legs(self, start: int, end: int) -> list[Leg]:
        """What of a round of settings is open on the first seed."""
        alive = [number for number in range(start, end) if not self._failed(number)]
        begun = 0.0
        for rung, share in enumerate(self.rules.rungs):
            known = {number: score for number in range(end) if (score := self._at(number, rung)) is not None}
            if short := [number for number in alive if number not in known]:
                return [Leg(number, self.rules.lead, rung, begun, share) for number in short]
            passed, begun = best(known, self.rules.keep), share
            alive = [number for number in alive if number in passed or self._finished(number)]
        if not alive and not any(self._finished(number) for number in range(end)):
            alive = self._next_best(start, end)
        return [Leg(number, self.rules.lead, None, begun) for number in alive if not self._finished(number)]

    def _next_best(self, start: int, end: int) -> list[int]:
        """The setting that goes on where all that passed have failed: the one that came furthest with the best score."""
        left = [number for number in range(start, end) if not self._failed(number)]
        far = {number: max(self.rungs.get(number, {}).items(), default=(-1, 0.0)) for number in left}
        return sorted(left, key=lambda number: (-far[number][0], -far[number][1], number))[:1]

    def _at(self, number: int, rung: int) -> float | None:
        """A setting's score at a rung; one whose phase was there already has only its last score."""
        return self.rungs.get(number, {}).get(rung, self.scores.get((number, self.rules.lead)))

    def _finished(self, number: int) -> bool:
        return self.scores.get((number, self.rules.lead)) is not None

    def _failed(self, number: int) -> bool:
        return self.scores.get((number, self.rules.lead), 0.0) is None

    def _stop(self, numbers: Iterable[int]) -> None:
        """Settle the settings of a round that did not go on."""
        for number in numbers:
            if number in self.stopped or self._finished(number) or self._failed(number):
                continue
            self.stopped.add(number)
            told = self.study.get_trials(deepcopy=False)[self._asked[number][0]]
            if told.state is TrialState.RUNNING:
                trial = optuna.trial.Trial(self.study, told._trial_id)
                for rung, score in sorted(self.rungs.get(number, {}).items()):
                    trial.report(score, rung)
                self.study.tell(told.number, state=TrialState.PRUNED, skip_if_finished=True)

    def _hold(self, number: int, values: Mapping[str, float]) -> None:
        """Make a record's setting that of its number."""
        setting = self.drawer.as_drawn(values)
        if number == len(self._asked):
            self._add(setting)
        elif frozen(self._asked[number][1]) != frozen(setting):
            self._asked[number] = (self._asked[number][0], setting)

    def _add(self, setting: Setting) -> None:
        trial = create_trial(state=TrialState.RUNNING, params=dict(setting), distributions=self.drawer.spaces)
        self.study.add_trial(trial)
        self._asked.append((self.study.get_trials(deepcopy=False)[-1].number, setting))

    def _cut_short(self) -> bool:
        """Whether a kill cut a round short while it was asked for."""
        return len(self.settings) % self.rules.at_once != 0

    def _ask_round(self) -> bool:
        """Ask for the next round of settings; False when there is none."""
        before = len(self._asked)
        end = min(self.rules.wanted, self._round_start(before) + self.rules.at_once)
        while len(self._asked) < end and not self.exhausted:
            self._ask_one()
        return len(self._asked) > before

    def _round_start(self, number: int) -> int:
        return number // self.rules.at_once * self.rules.at_once

    def _ask_one(self) -> bool:
        """Ask for the next setting; False when the space has no other."""
        number = len(self._asked)
        taken = [setting for _, setting in self._asked]
        setting = self.drawer.draw(number, taken, self._known(self._round_start(number)))
        self.exhausted = setting is None
        if setting is not None:
            self._add(setting)
        return setting is not None

    def _known(self, end: int) -> list[FrozenTrial]:
        """The settled settings before a number, as Optuna's trials."""
        found = (self._as_known(number) for number in range(min(end, len(self._asked))))
        return [trial for trial in found if trial is not None]

    def _as_known(self, number: int) -> FrozenTrial | None:
        """A settled setting as Optuna's trial, the same object while nothing changes; None where the sampler learns nothing."""
        setting, value, rungs = self._asked[number][1], self._value(number), self.rungs.get(number, {})
        if value is None and (not rungs or self._failed(number)):
            return None
        reached = dict(rungs) if value is None else {}
        had = self._told.get(number)
        if had is None or had.params != setting or had.value != value or had.intermediate_values != reached:
            state = TrialState.COMPLETE if value is not None else TrialState.PRUNED
            had = create_trial(
                state=state, value=value, params=dict(setting), distributions=self.drawer.spaces, intermediate_values=reached
            )
            had.number = number
            self._told[number] = had
        return had


def score_of(record: TrialRecord) -> float | None:
    """The score a setting is chosen by: None where the trial failed, 0 where it has nothing to be chosen by."""
    if record.status is Status.FAILED:
        return None
    return record.selection.score if record.selection else 0.0


def open_book(spec: StudySpec, storage: Any, rules: Rules, *, sampler: str, search_seed: int, sweep: str = "") -> StudyBook:
    """Open a study, making it when it is not there; always maximised.

    `sweep` is put before its name, so that sweeps that share a storage do not share studies.

    Raises UserError when the storage holds a study of this name that something else made to be minimised.
    """
    name = f"{sweep}/{spec.label}" if sweep else spec.label
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    if study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
        remedy = "give another SWEEP_OPTUNA_STORAGE, or remove that study: it is made again from the records"
        raise UserError("the storage's study of this name does not maximise one score", spec.label, remedy)
    return StudyBook(spec, study, rules, Drawer(spec, rules.wanted, sampler, search_seed))
