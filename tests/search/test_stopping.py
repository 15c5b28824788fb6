"""Early stopping: what goes on follows from scores alone, and the place of a setting that fails goes to the next best."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search_spaces.schema import Intermediate
from search_spaces.values import EpochsChoices, LearningRateRange
from sweep.planning.studies import StudySpec
from sweep.search.drawing import Drawer
from sweep.search.rules import Leg, Rules, best, next_seed
from sweep.search.study import StudyBook, open_book
from tests.sweep.plans import SMALL, plan_of, score_record, study_of
from training.record import RungScore, Status, TrialRecord

AXES = {"target.lr": LearningRateRange(low=1e-5, high=1e-3, log=True), "target.epochs": EpochsChoices(values=(1, 2, 4))}
SPEC = StudySpec(
    model="mini", intermediate=Intermediate(name="none"), group="pos", targets=("pos",), axes=AXES, label="mini.none.pos~1"
)
RULES = Rules(wanted=9, seeds=(1, 2, 3), at_once=3, rungs=(0.125, 0.375), keep=0.34, stopping=True, best_seeds=True)


def _number(*parts: object) -> float:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:2], "big") / 655.36


class _Study:
    """A study whose scores are made up from setting, seed and rung, over any number of launches."""

    def __init__(self, rules: Rules = RULES, failing: int = 0) -> None:
        self.rules, self.failing, self.storage = rules, failing, InMemoryStorage()
        self.records: dict[tuple[int, int], TrialRecord] = {}
        self.ran: list[Leg] = []
        self.book = self.restart()

    def restart(self, storage: InMemoryStorage | None = None) -> StudyBook:
        self.storage = storage or self.storage
        self.book = open_book(SPEC, self.storage, self.rules, sampler="tpe", search_seed=0)
        self.book.restore(self.records.values())
        return self.book

    def score(self, leg: Leg) -> float | None:
        setting = self.book.setting(leg.number)
        fails = self.failing and int(_number(sorted(setting.items()), leg.seed, "fails")) % self.failing == 0
        if fails and (leg.rung is None or leg.rung > 0):
            return None
        return _number(sorted(setting.items()), leg.seed, leg.rung)

    def end(self, which: int) -> bool:
        """End one of the open legs; False when none is open."""
        legs = self.book.legs()
        if not legs:
            return False
        leg = legs[which % len(legs)]
        self.ran.append(leg)
        score, place = self.score(leg), (leg.number, leg.seed)
        rungs = {rung.rung: rung for rung in self.records[place].rungs} if place in self.records else {}
        if leg.rung is not None and score is not None:
            rungs[leg.rung] = RungScore(rung=leg.rung, step=1, steps=8, score=score)
            self._keep(place, score, Status.PAUSED, rungs)
            self.book.note_rung(leg.number, leg.rung, score)
        else:
            self._keep(place, score, Status.FINISHED if score is not None else Status.FAILED, rungs)
            self.book.note(leg.number, leg.seed, score)
        return True

    def _keep(self, place: tuple[int, int], score: float | None, status: Status, rungs: dict[int, RungScore]) -> None:

        record = score_record(SPEC, *place, self.book.setting(place[0]), score)
        self.records[place] = replace(record, status=status, rungs=tuple(rungs[rung] for rung in sorted(rungs)))

    def finish(self) -> tuple[object, ...]:
        """Run to the end; returns settings, who was stopped, and scores.

        A setting that fails with a further seed is out. Whether another seed of it had ended by then is a matter of order, and
        nothing follows from it, so those scores are left out.
        """
        while self.end(0):
            continue
        out = {number for (number, _), score in self.book.scores.items() if score is None}
        kept = {
            (number, seed): score
            for (number, seed), score in self.book.scores.items()
            if number not in out or seed == RULES.lead
        }
        return (self.book.settings, sorted(self.book.stopped), sorted(kept.items(), key=str))


def test_a_third_of_the_settings_goes_on_at_each_rung_and_the_best_gets_the_other_seeds() -> None:
    study = _Study()
    study.finish()
    at = [[leg.number for leg in study.ran if leg.rung == rung and leg.seed == 1] for rung in (0, 1, None)]
    assert sorted(at[0]) == list(range(9))
    assert 1 <= len(at[2]) <= len(at[1]) <= 6
    assert {leg.seed for leg in study.ran if leg.seed != 1} == {2, 3}
    assert len({leg.number for leg in study.ran if leg.seed != 1}) <= 2
    assert len(study.book.stopped) + len(at[2]) == 9


def test_who_goes_on_is_among_the_best_of_all_that_reached_the_rung() -> None:
    study = _Study()
    study.finish()
    for number in range(9):
        seen = {other: scores[0] for other, scores in study.book.rungs.items() if other < number // 3 * 3 + 3}
        assert (1 in study.book.rungs[number]) == (number in best(seen, RULES.keep))


@settings(max_examples=60, deadline=None)
@example(events=[*([0] * 14), 1], failing=2)
@given(
    events=st.lists(st.one_of(st.integers(0, 11), st.sampled_from(["kill", "lost storage"])), max_size=40),
    failing=st.sampled_from([0, 2, 5]),
)
def test_what_is_stopped_is_the_same_in_any_order_of_ends_and_kills(events: list[int | str], failing: int) -> None:
    study = _Study(failing=failing)
    for event in events:
        if isinstance(event, int):
            study.end(event)
        else:
            study.restart(InMemoryStorage() if event == "lost storage" else None)
    assert study.finish() == _Study(failing=failing).finish()
    assert len(study.ran) == len(set(study.ran)), "a leg ran twice"


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_place_of_a_failed_setting_is_taken_by_the_next_best(failing: int) -> None:
    study = _Study(failing=failing)
    study.finish()
    finished = {number for (number, _), score in study.book.scores.items() if score is not None}
    failed = {number for (number, _), score in study.book.scores.items() if score is None}
    assert failed
    assert finished or failed == set(range(9))
    assert study.restart().done


def test_storage_is_told_what_was_stopped_with_its_scores() -> None:
    study = _Study()
    study.finish()
    told = study.book.study.get_trials()
    stopped = [trial for trial in told if trial.state is TrialState.PRUNED]
    assert {trial.number for trial in stopped} == study.book.stopped
    assert all(trial.intermediate_values == study.book.rungs[trial.number] for trial in stopped)
    assert {trial.state for trial in told} == {TrialState.PRUNED, TrialState.COMPLETE}


def test_without_rungs_every_setting_ends_and_only_seeds_are_saved() -> None:
    study = _Study(Rules(wanted=6, seeds=(1, 2, 3), at_once=3, keep=0.34, stopping=True, best_seeds=True))
    study.finish()
    counts = [len({leg.number for leg in study.ran if leg.seed == seed}) for seed in (1, 2, 3)]
    assert counts == [6, 2, 1]


def test_all_seeds_are_given_where_the_rules_say_so() -> None:
    study = _Study(Rules(wanted=6, seeds=(1, 2), at_once=3, rungs=(0.25,), keep=0.5, stopping=True))
    study.finish()
    ended = {leg.number for leg in study.ran if leg.rung is None and leg.seed == 1}
    assert {leg.number for leg in study.ran if leg.seed == 2} == ended


def test_best_goes_by_score_and_then_by_number() -> None:
    assert best({0: 1.0, 1: 3.0, 2: 3.0}, 0.34) == {1}
    assert best({0: 1.0, 1: 3.0, 2: 3.0, 3: 2.0}, 0.5) == {1, 2}
    assert best({5: 0.0}, 0.1) == {5}


def test_setting_that_failed_with_a_later_seed_makes_room() -> None:
    scores: dict[tuple[int, int], float | None] = {(0, 1): 9.0, (1, 1): 8.0, (2, 1): 7.0}
    assert next_seed(RULES, scores, [0, 1, 2]) == [Leg(0, 2), Leg(0, 3)], "one that is alone gets every seed at once"
    scores[0, 2] = None
    assert next_seed(RULES, scores, [0, 1, 2]) == [Leg(1, 2), Leg(1, 3)]
    scores[1, 3] = 5.0
    assert next_seed(RULES, scores, [0, 1, 2]) == [Leg(1, 2)]
    scores[1, 2] = 5.0
    assert next_seed(RULES, scores, [0, 1, 2]) == []


def test_records_of_stopped_trials_are_taken_up(tmp_path: Path) -> None:
    study = _Study()
    reference = study.finish()
    for number in study.book.stopped:
        study.records[number, 1] = replace(study.records[number, 1], status=Status.STOPPED)
    assert study.restart(InMemoryStorage()).done
    assert study.finish() == reference


def test_settings_within_the_margin_can_still_win() -> None:
    near = replace(RULES, margin=1.5)
    scores: dict[tuple[int, int], float | None] = {(0, 1): 9.0, (1, 1): 8.0, (2, 1): 7.0}
    assert next_seed(near, scores, [0, 1, 2]) == [Leg(0, 2), Leg(1, 2)]
    scores |= {(0, 2): 5.0, (1, 2): 9.0}
    assert next_seed(near, scores, [0, 1, 2]) == [Leg(0, 3), Leg(1, 3)], "means of 7.0 and 8.5"
    scores |= {(0, 2): 4.0}
    assert next_seed(near, scores, [0, 1, 2]) == [Leg(1, 3)], "a mean of 6.5 is too far"
    scores |= {(1, 3): 9.0}
    assert next_seed(near, scores, [0, 1, 2]) == []


def test_rules_of_stopping_have_no_part_in_what_is_drawn() -> None:
    text = SMALL.replace("lr: [1e-4, 1e-3]", "lr: {low: 1e-4, high: 1e-3}")
    with_rules = plan_of(text.replace("  trials: 3", "  trials: 3\n  stopping: {rungs: [0.5]}"))
    one, other = (study_of(plan, "mini.none.mini_udpos") for plan in (plan_of(text), with_rules))
    assert one.label != other.label
    drawn = [Drawer(spec, 3, "random", 0).draw([0], [], []) for spec in (one, other)]
    assert drawn[0] == drawn[1]
