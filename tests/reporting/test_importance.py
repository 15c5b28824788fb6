"""Importance of hyperparameters from records."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from reports.page.facts import FEW
from sweep.reporting.importance import importances
from tests.reports.builders import record
from training.record import Status, TrialRecord


def _trials(count: int, **more: object) -> list[TrialRecord]:
    """Settings whose dev score follows from one of two values alone."""
    dice = random.Random(3)
    made = []
    for number in range(count):
        rate, epochs = 10 ** dice.uniform(-6, -4), float(dice.randint(1, 5))
        found = record("mnli", {"xnli": 60.0}, number=number, selected=90 - 1e6 * abs(rate - 2e-5), **more)
        made.append(replace(found, hyperparameters={"target.lr": rate, "target.epochs": epochs, "batch": 32}))
    return made


def test_value_that_decides_is_the_more_important() -> None:
    (found,) = importances(_trials(60)).values()
    assert set(found.shares) == {"target.lr", "target.epochs"} and found.settings == 60
    assert found.shares["target.lr"] > 0.7 and sum(found.shares.values()) == pytest.approx(1.0)


def test_importance_is_the_same_whatever_the_order_of_records() -> None:
    assert importances(_trials(30)) == importances(reversed(_trials(30)))


def test_too_few_settings_have_no_importance() -> None:
    (found,) = importances(_trials(FEW - 1)).values()
    assert (found.settings, dict(found.shares)) == (FEW - 1, {})


def test_settings_that_were_stopped_early_do_not_count() -> None:
    stopped = _trials(FEW, status=Status.STOPPED)
    assert importances(stopped) == {}
