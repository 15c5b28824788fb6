"""A study asks for the same settings whatever the order its trials end in, and wherever a launch is cut short."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search_spaces.schema import Intermediate
from search_spaces.values import EpochsChoices, EpochsRange, LearningRateChoices, LearningRateRange
from sweep.planning.studies import Setting, StudySpec
from sweep.search.rules import Rules
from sweep.search.storage import StudyStorage, open_storage
from sweep.search.study import StudyBook, open_book
from tests.sweep.plans import score_record
from training.errors import UserError
from training.record import TrialRecord

CONTINUOUS = {
    "intermediate.lr": LearningRateChoices(values=(1e-4, 3e-4)),
    "target.lr": LearningRateRange(low=1e-5, high=1e-3, log=True),
    "target.epochs": EpochsRange(low=1, high=4),
}
DISCRETE = {"target.lr": LearningRateChoices(values=(1e-4, 1e-3)), "target.epochs": EpochsChoices(values=(1, 2, 3))}
WIDE = {
    "target.lr": LearningRateChoices(values=tuple(step * 1e-5 for step in range(1, 13))),
    "target.epochs": EpochsRange(low=1, high=3),
}
Score = Callable[[Setting, int], float | None]


class KilledError(Exception):
    """The launch ends here, as with a kill."""


def _spec(axes: dict[str, Any], label: str = "mini.none.pos~000000") -> StudySpec:
    return StudySpec(
        model="mini", intermediate=Intermediate(name="none"), group="pos", targets=("pos",), axes=axes, label=label
    )


def _score(setting: Setting, seed: int) -> float | None:
    """A score that depends on the setting and the seed alone; one trial in six fails."""
    number = int.from_bytes(hashlib.sha256(f"{sorted(setting.items())}{seed}".encode()).digest()[:2], "big")
    return None if number % 6 == 0 else number / 655.36


def _book(spec: StudySpec, storage: Any, **changes: Any) -> StudyBook:
    chosen: dict[str, Any] = {"wanted": 6, "seeds": (1,), "at_once": 1} | changes
    drawn = {name: chosen.pop(name, given) for name, given in (("sampler", "tpe"), ("search_seed", 0))}
    return open_book(spec, storage, Rules(**chosen), **drawn)


def _open(book: StudyBook) -> list[tuple[int, int, Setting]]:
    """(number, seed, setting) of what can be run."""
    return [(leg.number, leg.seed, book.setting(leg.number)) for leg in book.legs()]


class _Launches:
    """A study over several launches: what is on disk (Optuna's storage and records), and the book of the launch under way."""

    def __init__(self, spec: StudySpec, storage: Any = None, score: Score = _score, **changes: Any) -> None:
        self.spec, self.changes, self.score = spec, changes, score
        self.storage = storage or InMemoryStorage()
        self.records: dict[tuple[int, int], TrialRecord] = {}
        self.book = self.restart()

    def restart(self, storage: Any = None) -> StudyBook:
        self.storage = storage or self.storage
        self.book = _book(self.spec, self.storage, **self.changes)
        self.book.restore(self.records.values())
        return self.book

    def end(self, which: int) -> bool:
        """End one of the open trials, the one that `which` points at; False when none is open."""
        trials = _open(self.book)
        if not trials:
            return False
        number, seed, setting = trials[which % len(trials)]
        score = self.score(setting, seed)
        self.records[number, seed] = score_record(self.spec, number, seed, setting, score)
        self.book.note(number, seed, score)
        return True

    def finish(self) -> list[Setting]:
        while self.end(0):
            continue
        return self.book.settings


def _kill(storage: StudyStorage) -> None:
    """Have a storage write no more than what it is writing now, as a kill of its process does."""
    with storage._lock:
        for numbers in storage._changed.values():
            numbers.clear()
    storage.close()


REFERENCES: dict[tuple[Any, ...], list[Setting]] = {}


def _reference(axes: dict[str, Any], **changes: Any) -> list[Setting]:
    key = (tuple(axes), *sorted(changes.items()))
    if key not in REFERENCES:
        REFERENCES[key] = _Launches(_spec(axes), **changes).finish()
    return REFERENCES[key]


@settings(max_examples=60, deadline=None)
@given(
    axes=st.sampled_from([CONTINUOUS, DISCRETE]),
    at_once=st.sampled_from([1, 2, 3]),
    seeds=st.sampled_from([(1,), (1, 2)]),
    sampler=st.sampled_from(["tpe", "random"]),
    events=st.lists(st.one_of(st.integers(0, 11), st.sampled_from(["kill", "lost storage"])), max_size=30),
)
def test_settings_are_the_same_in_any_order_of_ends_and_kills(
    axes: dict[str, Any], at_once: int, seeds: tuple[int, ...], sampler: str, events: list[int | str]
) -> None:
    changes: dict[str, Any] = {"at_once": at_once, "seeds": seeds, "sampler": sampler}
    launches = _Launches(_spec(axes), **changes)
    for event in events:
        if isinstance(event, int):
            launches.end(event)
        else:
            _open(launches.book)
            launches.restart(InMemoryStorage() if event == "lost storage" else None)
    assert launches.finish() == _reference(axes, **changes)
    assert len(launches.book.scores) == 6 * len(seeds)


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("asked_before", range(6))
def test_settings_are_the_same_after_a_kill_between_two_that_are_asked_for(
    at_once: int, asked_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches = _Launches(_spec(CONTINUOUS), at_once=at_once)
    asked: list[object] = []
    add = InMemoryStorage.create_new_trial

    def add_or_die(storage: InMemoryStorage, study: int, trial: Any = None) -> int:
        if storage is launches.storage:
            if len(asked) == asked_before:
                raise KilledError
            asked.append(trial)
        return add(storage, study, trial)

    with monkeypatch.context() as patch:
        patch.setattr(InMemoryStorage, "create_new_trial", add_or_die)
        with pytest.raises(KilledError):
            launches.finish()
    launches.restart()
    assert launches.finish() == _reference(CONTINUOUS, at_once=at_once)


def test_settings_are_the_same_from_sqlite_at_every_place_of_a_kill(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    launches = _Launches(_spec(CONTINUOUS), open_storage(url), seeds=(1, 2), at_once=2)
    while launches.end(-1):
        _kill(launches.storage)
        launches.restart(open_storage(url))
    assert launches.storage.close() == 0
    assert launches.book.settings == _reference(CONTINUOUS, seeds=(1, 2), at_once=2)
    there = optuna.load_study(study_name=launches.spec.label, storage=url)
    for told in (launches.book.study.get_trials(), there.get_trials()):
        assert [trial.params for trial in told] == launches.book.settings
        assert all(trial.state.is_finished() for trial in told)


def test_storage_is_told_the_mean_over_the_seeds_and_what_failed() -> None:
    scores = {(0, 1): 60.0, (0, 2): 70.0, (1, 1): 80.0, (1, 2): None}
    launches = _Launches(_spec(CONTINUOUS), seeds=(1, 2), wanted=2)
    for number, seed in ((0, 2), (0, 1), (1, 1)):
        _open(launches.book)
        launches.book.note(number, seed, scores[number, seed])
    first, second = launches.book.study.get_trials()
    assert (first.state, first.value) == (TrialState.COMPLETE, 65.0)
    assert second.state is TrialState.RUNNING
    launches.book.note(1, 2, None)
    assert launches.book.study.get_trials()[1].state is TrialState.FAIL
    assert launches.book.done


def test_lost_storage_is_filled_again_from_the_records() -> None:
    launches = _Launches(_spec(CONTINUOUS), seeds=(1, 2), wanted=4)
    for _ in range(5):
        launches.end(0)
    kept = [(trial.params, trial.state, trial.value) for trial in launches.book.study.get_trials()][:2]
    launches.restart(InMemoryStorage())
    assert [(trial.params, trial.state, trial.value) for trial in launches.book.study.get_trials()][:2] == kept
    assert [(number, seed) for number, seed, _ in _open(launches.book)] == [(2, 2)]


def test_record_of_another_setting_than_the_storage_has_wins() -> None:
    launches = _Launches(_spec(DISCRETE), wanted=1)
    ((number, seed, setting),) = _open(launches.book)
    other = {"target.lr": 1e-3 if setting["target.lr"] == 1e-4 else 1e-4, "target.epochs": 3.0}
    launches.records[number, seed] = score_record(launches.spec, number, seed, other, 50.0)
    assert launches.restart().settings == [other]
    assert launches.book.done


def test_setting_of_a_record_keeps_its_types() -> None:
    launches = _Launches(_spec(CONTINUOUS), wanted=1)
    launches.end(0)
    ((place, record),) = launches.records.items()
    floats = {name: float(value) for name, value in record.hyperparameters.items()}
    launches.records[place] = score_record(launches.spec, *place, floats, 50.0)
    (setting,) = launches.restart(InMemoryStorage()).settings
    assert isinstance(setting["target.epochs"], int)
    assert isinstance(setting["target.lr"], float)


def test_failed_settings_are_not_tried_again() -> None:
    launches = _Launches(_spec(DISCRETE), score=lambda setting, seed: None)
    tried = launches.finish()
    assert len(tried) == 6
    assert len({tuple(sorted(setting.items())) for setting in tried}) == 6
    assert {trial.state for trial in launches.book.study.get_trials()} == {TrialState.FAIL}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_discrete_space_is_tried_to_its_last_setting_and_then_ends(sampler: str) -> None:
    launches = _Launches(_spec(WIDE), wanted=50, sampler=sampler)
    tried = launches.finish()
    assert len({tuple(sorted(setting.items())) for setting in tried}) == len(tried) == 36
    assert launches.book.exhausted
    assert launches.restart().done


def test_study_without_anything_to_choose_has_one_setting() -> None:
    launches = _Launches(_spec({}), wanted=1, seeds=(1, 2))
    assert launches.finish() == [{}]
    assert launches.restart(InMemoryStorage()).done
    assert launches.book.settings == [{}]


def test_model_based_sampler_goes_where_the_scores_are_high() -> None:
    wanted = {"wanted": 24, "sampler": "tpe"}
    high = _Launches(_spec(CONTINUOUS), score=lambda setting, seed: setting["target.lr"], **wanted).finish()
    low = _Launches(_spec(CONTINUOUS), score=lambda setting, seed: -setting["target.lr"], **wanted).finish()
    later = [sum(setting["target.lr"] for setting in tried[12:]) for tried in (high, low)]
    assert later[0] > 3 * later[1]


def test_random_sampler_takes_no_notice_of_scores() -> None:
    up = _Launches(_spec(CONTINUOUS), sampler="random", score=lambda setting, seed: 1.0).finish()
    down = _Launches(_spec(CONTINUOUS), sampler="random", score=lambda setting, seed: setting["target.lr"]).finish()
    assert up == down


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_settings_differ_by_the_seed_of_the_search_and_by_the_study(sampler: str) -> None:
    first = _Launches(_spec(CONTINUOUS), sampler=sampler).finish()
    assert _Launches(_spec(CONTINUOUS), sampler=sampler).finish() == first
    assert _Launches(_spec(CONTINUOUS), sampler=sampler, search_seed=1).finish() != first
    assert _Launches(_spec(CONTINUOUS, "mini.nli.pos~000000"), sampler=sampler).finish() != first


def test_more_settings_keep_those_that_were_tried() -> None:
    launches = _Launches(_spec(CONTINUOUS), wanted=3)
    tried = launches.finish()
    launches.changes["wanted"] = 5
    launches.restart()
    assert launches.finish()[:3] == tried
    assert len(launches.book.settings) == 5


def test_fewer_settings_leave_the_rest_out() -> None:
    launches = _Launches(_spec(CONTINUOUS), wanted=5)
    tried = launches.finish()
    launches.changes["wanted"] = 3
    assert launches.restart().settings == tried[:3]
    assert launches.book.done


def test_another_seed_opens_every_setting_again_for_it_alone() -> None:
    launches = _Launches(_spec(CONTINUOUS), wanted=3)
    tried = launches.finish()
    launches.changes["seeds"] = (1, 2)
    launches.restart()
    assert [(number, seed) for number, seed, _ in _open(launches.book)] == [(0, 2), (1, 2), (2, 2)]
    assert launches.finish() == tried


def test_round_waits_for_all_its_trials() -> None:
    launches = _Launches(_spec(CONTINUOUS), at_once=3, wanted=5)
    assert len(_open(launches.book)) == 3
    launches.end(0)
    launches.end(1)
    assert len(_open(launches.book)) == 1
    launches.end(0)
    assert [number for number, _, _ in _open(launches.book)] == [3, 4]


def test_study_of_the_other_direction_is_refused(tmp_path: Path) -> None:
    storage, spec = open_storage(f"sqlite:///{tmp_path / 'optuna.db'}"), _spec(DISCRETE)
    optuna.create_study(study_name=spec.label, storage=storage, direction="minimize")
    with pytest.raises(UserError, match="does not maximise"):
        _book(spec, storage)
    assert _book(_spec(DISCRETE, "another"), storage).study.direction is optuna.study.StudyDirection.MAXIMIZE


def test_damaged_storage_is_set_aside_and_filled_again(tmp_path: Path) -> None:
    file = tmp_path / "optuna.db"
    launches = _Launches(_spec(CONTINUOUS), open_storage(f"sqlite:///{file}"), wanted=3)
    tried = launches.finish()
    file.write_bytes(file.read_bytes()[:1000] + bytes(8000))
    launches.restart(open_storage(f"sqlite:///{file}"))
    assert launches.book.settings == tried
    assert launches.book.done
    assert (tmp_path / "optuna.db.damaged").is_file()


def test_half_written_trial_of_another_program_is_left_out() -> None:
    storage, spec = InMemoryStorage(), _spec(DISCRETE)
    study = optuna.create_study(study_name=spec.label, storage=storage, direction="maximize")
    study.ask()
    launches = _Launches(spec, storage)
    assert launches.finish() == _reference(DISCRETE)
