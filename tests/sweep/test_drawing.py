"""Drawing settings: quickly, and yet exactly those that Optuna's own ask would give."""

from __future__ import annotations

import random

import optuna
import pytest
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from sweep.planning.plan import Setting, StudySpec
from sweep.search.drawing import Drawer
from tests.sweep.plans import SMALL, plan_of, study_of

RANGES = SMALL.replace("lr: [1e-4, 1e-3], epochs: [1, 2]", "lr: {low: 1e-5, high: 1e-2, log: true}, epochs: {low: 1, high: 9}")


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


def _settled(number: int, setting: Setting, drawer: Drawer, dice: random.Random) -> FrozenTrial:
    if dice.random() < 0.3:
        reached = {0: dice.random()}
        trial = create_trial(
            state=TrialState.PRUNED, params=dict(setting), distributions=drawer.spaces, intermediate_values=reached
        )
    else:
        trial = create_trial(params=dict(setting), distributions=drawer.spaces, value=dice.random())
    trial.number = number
    return trial


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("wanted", [1, 2, 12])
@pytest.mark.parametrize("text", [SMALL, RANGES])
def test_settings_are_those_that_optunas_own_ask_would_give(sampler: str, wanted: int, text: str) -> None:
    study = study_of(plan_of(text), "mini.mini_nli.mini_udpos")
    drawer, dice, known = Drawer(study, wanted, sampler, 3), random.Random(5), list[FrozenTrial]()
    for number in range(wanted):
        setting = drawer.draw(number, (), known[: number // 3 * 3])
        assert setting == _asked(study, sampler, wanted, number, known[: number // 3 * 3])
        assert setting is not None
        known.append(_settled(number, setting, drawer, dice))


def test_settings_do_not_depend_on_what_was_drawn_before() -> None:
    study = study_of(plan_of(RANGES), "mini.mini_nli.mini_udpos")
    used, fresh = Drawer(study, 12, "tpe", 3), Drawer(study, 12, "tpe", 3)
    known = [_settled(number, used.draw(number, (), ()) or {}, used, random.Random(number)) for number in range(6)]
    assert used.draw(9, (), known) == fresh.draw(9, (), known)
