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
from optuna.trial import FrozenTrial, TrialState

from sweep.planning.studies import Setting, StudySpec
from sweep.search.drawing import Drawer, Frozen, frozen
from sweep.search.rules import Leg, Rules, best, next_seed
from sweep.search.trials import now, trial_of
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
    _taken: set[Frozen] = field(default_factory=set, init=False, repr=False)
    _legs: list[Leg] | None = field(default=None, init=False)
    _told: dict[int, FrozenTrial | None] = field(default_factory=dict, init=False, repr=False)
    _passed: dict[tuple[int, int], set[int]] = field(default_factory=dict, init=False, repr=False)
    _newly_stopped: list[int] = field(default_factory=list, init=False, repr=False)
    _settled: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Take up the settings in the storage (by Optuna's own id)."""
        axes = set(self.spec.axes)
        for trial in self.study.get_trials(deepcopy=False):
            if set(trial.params) == axes and (key := frozen(trial.params)) not in self._taken:
                self._taken.add(key)
                self._asked.append((trial._trial_id, dict(trial.params)))

    @property
    def settings(self) -> list[Setting]:
        """Settings asked for so far, by number."""
        return [setting for _, setting in self._asked[: self.rules.wanted]]

    @property
    def asked(self) -> int:
        """How many settings were asked for so far."""
        return min(len(self._asked), self.rules.wanted)

    @property
    def done(self) -> bool:
        """Whether nothing is left to run."""
        return not self.legs()

    def likely_left(self) -> int:
        """Trials that are likely still to run (with early stopping, what will get further seeds is not known yet)."""
        legs, to_ask = self.legs(), 0 if self.exhausted else self.rules.wanted - self.asked
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
            while len(self._asked) < record.number and self._ask(min(record.number, self._next_round())):
                continue
            if len(self._asked) < record.number:
                return
            self._hold(record.number, record.hyperparameters)
            self._told.pop(record.number, None)
            if record.seed == self.rules.lead:
                self.rungs.setdefault(record.number, {}).update({rung.rung: rung.score for rung in record.rungs})
            if record.seed in self.rules.seeds and record.status in (Status.FINISHED, Status.FAILED):
                self.note(record.number, record.seed, score_of(record))
        self._told.clear()
        self._passed.clear()
        self._legs, self._settled = None, 0

    def note(self, number: int, seed: int, score: float | None) -> None:
        """Write down a trial's score (None: it failed); tells Optuna when the setting is settled."""
        self.scores[number, seed], self._legs = score, None
        self._told.pop(number, None)
        if len(self.rungs.get(number, ())) < len(self.rules.rungs):  # its score stands for those at the rungs
            self._passed.clear()
        if not self.rules.stopping and any((number, other) not in self.scores for other in self.rules.seeds):
            return
        value = self._value(number)
        self._tell(number, TrialState.FAIL if value is None else TrialState.COMPLETE, value)

    def note_rung(self, number: int, rung: int, score: float) -> None:
        """Write down a setting's score at a rung (on the first seed)."""
        self.rungs.setdefault(number, {})[rung] = score
        self._told.pop(number, None)
        self._passed = {place: passed for place, passed in self._passed.items() if place[1] != rung}
        self._legs = None

    def take_stopped(self) -> list[int]:
        """The settings that early stopping has ended since the last call."""
        taken, self._newly_stopped = self._newly_stopped, []
        return taken

    def _value(self, number: int) -> float | None:
        """What Optuna is told of a setting: its mean over seeds, with early stopping the first seed's score; None: failed."""
        seeds = self.rules.seeds[:1] if self.rules.stopping else self.rules.seeds
        known = [score for seed in seeds if (score := self.scores.get((number, seed))) is not None]
        return sum(known) / len(known) if len(known) == len(seeds) else None

    def _plain_legs(self) -> list[Leg]:
        while self._settled < self.asked and all((self._settled, seed) in self.scores for seed in self.rules.seeds):
            self._settled += 1
        if self._settled == self.asked or self._cut_short():
            self._ask_round()
        places = ((number, seed) for number in range(self._settled, self.asked) for seed in self.rules.seeds)
        return [Leg(number, seed) for number, seed in places if (number, seed) not in self.scores]

    def _stopping_legs(self) -> list[Leg]:
        if self._cut_short():
            self._ask_round()
        while self._settled < self.asked or self._ask_round():
            start, end = self._settled, min(self._settled + self.rules.at_once, self.asked)
            if legs := self._round_legs(start, end):
                return legs
            self._stop(range(start, end))
            self._settled = end
        return next_seed(self.rules, self.scores, list(filter(self._finished, range(self.asked))))

    def _round_legs(self, start: int, end: int) -> list[Leg]:
        """What of a round of settings is open on the first seed."""
        alive = [number for number in range(start, end) if not self._failed(number)]
        begun = 0.0
        for rung, share in enumerate(self.rules.rungs):
            if short := [number for number in alive if self._at(number, rung) is None]:
                return [Leg(number, self.rules.lead, rung, begun, share) for number in short]
            passed, begun = self._passing(end, rung), share
            alive = [number for number in alive if number in passed or self._finished(number)]
        if not alive and not any(self._finished(number) for number in range(end)):
            alive = self._next_best(start, end)
        return [Leg(number, self.rules.lead, None, begun) for number in alive if not self._finished(number)]

    def _passing(self, end: int, rung: int) -> set[int]:
        """Who goes past a rung, of the settings before a number."""
        passed = self._passed.get((end, rung))
        if passed is None:
            scores = {number: self._at(number, rung) for number in range(end)}
            known = {number: score for number, score in scores.items() if score is not None}
            passed = self._passed[end, rung] = best(known, self.rules.keep)
        return passed

    def _next_best(self, start: int, end: int) -> list[int]:
        """The setting that goes on where all that passed have failed: the one that came furthest with the best score."""
        left = [number for number in range(start, end) if not self._failed(number)]
        far = {number: max(self.rungs.get(number, {}).items(), default=(-1, 0.0)) for number in left}
        return sorted(left, key=lambda number: (-far[number][0], -far[number][1], number))[:1]

    def _at(self, number: int, rung: int) -> float | None:
        """A setting's score at a rung; one whose phase was there already has only its last score."""
        reached = self.rungs.get(number)
        if reached is not None and rung in reached:
            return reached[rung]
        return self.scores.get((number, self.rules.seeds[0]))

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
            self._newly_stopped.append(number)
            self._tell(number, TrialState.PRUNED)

    def _tell(self, number: int, state: TrialState, value: float | None = None) -> None:
        """End a setting's trial in the storage, where it is open: as `Study.tell`, which copies the trial twice."""
        trial, storage = self._asked[number][0], self.study._storage
        if storage.get_trial(trial).state is not TrialState.RUNNING:
            return
        if state is TrialState.PRUNED:
            for rung, score in sorted(self.rungs.get(number, {}).items()):
                storage.set_trial_intermediate_value(trial, rung, score)
                value = score
        storage.set_trial_state_values(trial, state, None if value is None else [value])

    def _hold(self, number: int, values: Mapping[str, float]) -> None:
        """Make a record's setting that of its number."""
        setting = self.drawer.as_drawn(values)
        if number == len(self._asked):
            self._add(setting)
        elif frozen(self._asked[number][1]) != frozen(setting):
            self._asked[number] = (self._asked[number][0], setting)
            self._taken = {frozen(setting) for _, setting in self._asked}

    def _add(self, setting: Setting) -> None:
        trial = trial_of(setting, self.drawer.spaces, time=now())
        self._asked.append((self.study._storage.create_new_trial(self.study._study_id, trial), setting))
        self._taken.add(frozen(setting))

    def _cut_short(self) -> bool:
        """Whether a kill cut a round short while it was asked for."""
        return self.asked % self.rules.at_once != 0

    def _ask_round(self) -> bool:
        """Ask for the next round of settings; False when there is none."""
        return self._ask(min(self.rules.wanted, self._next_round()))

    def _next_round(self) -> int:
        """The first number of the round after that of the next setting."""
        return (len(self._asked) // self.rules.at_once + 1) * self.rules.at_once

    def _ask(self, end: int) -> bool:
        """Ask for the settings of one round up to a number; False when the space has no other, or none is left to ask for."""
        numbers = range(len(self._asked), end)
        if self.exhausted or not numbers:
            return False
        drawn = self.drawer.draw(numbers, self._taken, self._known(self._next_round() - self.rules.at_once))
        self.exhausted = len(drawn) < len(numbers)
        for setting in drawn:
            self._add(setting)
        return bool(drawn)

    def _known(self, end: int) -> list[FrozenTrial]:
        """The settled settings before a number, as Optuna's trials."""
        for number in range(end):
            if number not in self._told:
                self._told[number] = self._as_known(number)
        found = (self._told[number] for number in range(end))
        return [trial for trial in found if trial is not None]

    def _as_known(self, number: int) -> FrozenTrial | None:
        """A settled setting as Optuna's trial; None where the sampler learns nothing from it."""
        setting, value, rungs = self._asked[number][1], self._value(number), self.rungs.get(number, {})
        if value is not None:
            return trial_of(setting, self.drawer.spaces, TrialState.COMPLETE, number=number, value=value)
        if not rungs or self._failed(number):
            return None
        return trial_of(setting, self.drawer.spaces, TrialState.PRUNED, number=number, reached=rungs)


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
