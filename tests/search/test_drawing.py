"""Drawing settings: quickly, and yet exactly those that Optuna's own ask would give."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.schema import Intermediate
from search_spaces.values import Choices, EpochsChoices, EpochsRange, LearningRateChoices, LearningRateRange
from sweep.planning.studies import Setting, StudySpec
from sweep.search.drawing import Drawer
from sweep.search.tpe import draws
from sweep.search.trials import now, trial_of
from tests.sweep.plans import SMALL, plan_of, study_of

RANGES = SMALL.replace("lr: [1e-4, 1e-3], epochs: [1, 2]", "lr: {low: 1e-5, high: 1e-2, log: true}, epochs: {low: 1, high: 9}")
ONE_RANGE = SMALL.replace("lr: [1e-4, 1e-3]", "lr: {low: 1e-5, high: 1e-2, log: true}")
SPACES: dict[str, dict[str, Any]] = {
    "choices": {"target.lr": LearningRateChoices(values=(1e-5, 3e-5, 1e-4)), "target.epochs": EpochsChoices(values=(2, 3))},
    "a range": {"target.lr": LearningRateRange(low=1e-5, high=1e-3)},
    "a logarithmic range": {
        "intermediate.lr": LearningRateChoices(values=(1e-4, 3e-4)),
        "intermediate.epochs": EpochsChoices(values=(3,)),
        "target.lr": LearningRateRange(low=1e-6, high=3e-5, log=True),
        "target.epochs": EpochsChoices(values=(2, 3)),
    },
    "two ranges": {
        "intermediate.lr": LearningRateRange(low=1e-6, high=1e-3, log=True),
        "target.lr": LearningRateRange(low=1e-5, high=1e-3),
        "target.epochs": EpochsChoices(values=(1, 2, 4)),
    },
    "whole numbers": {
        "target.lr": LearningRateRange(low=1e-6, high=3e-5, log=True),
        "target.epochs": EpochsRange(low=1, high=9),
    },
}


def _spec(axes: dict[str, Any]) -> StudySpec:
    return StudySpec(
        model="mini", intermediate=Intermediate(name="none"), group="pos", targets=("pos",), axes=axes, label="mini.none.pos~0"
    )


def _asked(study: StudySpec, sampler: str, wanted: int, number: int, known: list[FrozenTrial]) -> Setting:
    """What a new study with a new sampler answers."""
    drawer = Drawer(study, wanted, sampler, 3)
    seed = drawer._seed(number, 0)
    chosen: optuna.samplers.BaseSampler = RandomSampler(seed=seed)
    if sampler == "tpe":
        chosen = TPESampler(seed=seed, multivariate=True, constant_liar=False, n_startup_trials=min(4, wanted // 2))
    drawn = optuna.create_study(direction="maximize", sampler=chosen)
    drawn.add_trials(known)
    return drawn.ask(drawer.spaces).params


def _settled(number: int, setting: Setting, drawer: Drawer, dice: random.Random, pruned: float = 0.3) -> FrozenTrial:
    """A settled trial whose score may be that of another, too."""
    if dice.random() < pruned:
        reached = {rung: round(dice.random(), 1) for rung in range(dice.randint(1, 2))}
        trial = create_trial(
            state=TrialState.PRUNED, params=dict(setting), distributions=drawer.spaces, intermediate_values=reached
        )
    else:
        trial = create_trial(params=dict(setting), distributions=drawer.spaces, value=round(dice.random(), 1))
    trial.number = number
    return trial


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("wanted", [1, 2, 12])
@pytest.mark.parametrize("text", [SMALL, RANGES, ONE_RANGE])
def test_settings_are_those_that_optunas_own_ask_would_give(sampler: str, wanted: int, text: str) -> None:
    study = study_of(plan_of(text), "mini.mini_nli.mini_udpos")
    drawer, dice, known = Drawer(study, wanted, sampler, 3), random.Random(5), list[FrozenTrial]()
    for number in range(wanted):
        (setting,) = drawer.draw([number], (), known[: number // 3 * 3])
        assert setting == _asked(study, sampler, wanted, number, known[: number // 3 * 3])
        known.append(_settled(number, setting, drawer, dice))


def _anywhere(axis: object, dice: random.Random) -> float:
    """A value of an axis; at an end of a range now and then, where Optuna goes another way."""
    if isinstance(axis, Choices):
        return dice.choice(axis.values)
    low, high = axis.low, axis.high
    if isinstance(axis, EpochsRange):
        return dice.randint(low, high)
    return dice.choice((low, high)) if dice.random() < 0.05 else math.exp(dice.uniform(math.log(low), math.log(high)))


@settings(max_examples=60, deadline=None)
@given(
    space=st.sampled_from(sorted(SPACES)),
    count=st.integers(1, 140),
    pruned=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 10**6),
)
def test_round_of_any_study_is_drawn_as_optuna_draws_each_of_its_settings(
    space: str, count: int, pruned: float, seed: int
) -> None:
    study, dice = _spec(SPACES[space]), random.Random(seed)
    drawer = Drawer(study, 200, "tpe", 3)
    assert draws(drawer.spaces) == (space != "whole numbers")
    known = []
    for number in range(count):
        setting = {name: _anywhere(axis, dice) for name, axis in study.axes.items()}
        known.append(_settled(number, drawer.as_drawn(setting), drawer, dice, pruned))
    numbers = [count, count + 1, count + 2]
    expected = [_asked(study, "tpe", 200, number, known) for number in numbers]
    found = drawer._first(numbers, known)
    assert found == expected
    assert [type(value) for setting in found for value in setting.values()] == [
        type(value) for setting in expected for value in setting.values()
    ]


def test_which_settings_are_drawn_together_makes_no_difference() -> None:
    study = study_of(plan_of(ONE_RANGE), "mini.mini_nli.mini_udpos")
    drawer, dice = Drawer(study, 40, "tpe", 3), random.Random(1)
    known = [_settled(number, setting, drawer, dice) for number, setting in enumerate(drawer.draw(range(20), (), ()))]
    together = drawer.draw(range(20, 32), (), known)
    assert [setting for number in range(20, 32) for setting in drawer.draw([number], (), known)] == together


def test_settings_do_not_depend_on_what_was_drawn_before() -> None:
    study = study_of(plan_of(ONE_RANGE), "mini.mini_nli.mini_udpos")
    used, fresh = Drawer(study, 12, "tpe", 3), Drawer(study, 12, "tpe", 3)
    known = [_settled(number, used.draw([number], (), ())[0], used, random.Random(number)) for number in range(6)]
    used.draw([6], (), known[:5])
    assert used.draw([9], (), known) == fresh.draw([9], (), known)


def test_setting_that_was_told_otherwise_is_drawn_from_as_it_is_now() -> None:
    study = study_of(plan_of(ONE_RANGE), "mini.mini_nli.mini_udpos")
    used, fresh, dice = Drawer(study, 12, "tpe", 3), Drawer(study, 12, "tpe", 3), random.Random(2)
    drawn = used.draw(range(6), (), ())
    first, second = ([_settled(number, setting, used, dice, 0.0) for number, setting in enumerate(drawn)] for _ in range(2))
    second[3] = _settled(3, dict(drawn[3]) | {"target.lr": 2e-4}, used, dice, 0.0)
    used.draw([9], (), first)
    assert used.draw([9], (), second) == fresh.draw([9], (), second)


def test_trial_of_a_setting_is_one_that_optuna_would_make() -> None:
    drawer = Drawer(_spec(SPACES["a logarithmic range"]), 3, "tpe", 0)
    (setting,) = drawer.draw([0], (), ())
    time = now()
    made = trial_of(setting, drawer.spaces, TrialState.PRUNED, number=4, reached={0: 1.0}, time=time)
    asked = create_trial(
        state=TrialState.PRUNED, params=dict(setting), distributions=drawer.spaces, intermediate_values={0: 1.0}
    )
    asked.number, asked._datetime_start, asked.datetime_complete = 4, time, time
    assert made == asked
    made._validate()
    started = create_trial(state=TrialState.RUNNING).datetime_start
    assert started is not None
    assert abs((started - time).total_seconds()) < 60


def test_storage_holds_a_trial_of_its_own_whatever_becomes_of_the_setting_s() -> None:
    drawer, storage = Drawer(_spec(SPACES["a logarithmic range"]), 3, "tpe", 0), InMemoryStorage()
    study = optuna.create_study(storage=storage, direction="maximize")
    (setting,) = drawer.draw([0], (), ())
    trial = trial_of(setting, drawer.spaces, time=now())
    storage.create_new_trial(study._study_id, trial)
    trial.params["target.lr"] = 0.0
    trial.intermediate_values[0] = 1.0
    copied = copy.deepcopy(study.trials[0])
    copied.params["target.lr"] = 1.0
    (held,) = study.trials
    assert (held.params, held.intermediate_values) == (dict(setting), {})
