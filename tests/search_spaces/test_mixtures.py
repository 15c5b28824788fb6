"""What a mixture may say: its sampling, its batches, a space of its own."""

from __future__ import annotations

import pytest

from search_spaces.reading import read_grid
from search_spaces.schema import Grid, Intermediate
from tests.search_spaces.rows import ROWS, SMALLEST
from training.errors import Faults


def read(mixture: str) -> Grid:
    return read_grid(SMALLEST.replace("[none]", f"[none, {mixture}]"), "g.yaml", ROWS)


def mixture_of(text: str) -> Intermediate:
    return read(text).intermediates[1]


def faults(text: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        read(text)
    assert all(fault.remedy for fault in raised.value.faults)
    return [str(fault) for fault in raised.value.faults]


def test_a_mixture_with_options_keeps_them() -> None:
    found = mixture_of(
        "{both: {tasks: [nli, span], sampling: temperature, temperature: 2, cap: 50,"
        " batches: mixed, loss_scaling: log_classes}}"
    )
    assert (found.name, found.tasks, found.sampling, found.temperature) == ("both", ("nli", "span"), "temperature", 2.0)
    assert (found.cap, found.batches, found.loss_scaling, found.alpha) == (50, "mixed", "log_classes", 1.0)


def test_options_may_stand_with_one_task_and_have_a_space_of_their_own() -> None:
    found = mixture_of("{again: {tasks: [nli], alpha: 0.3, space: {lr: [5e-6]}}}")
    assert (found.tasks, found.alpha) == (("nli",), 0.3)
    assert found.space is not None and found.space.lr.model_dump()["values"] == (5e-6,)


def test_weights_may_be_written_by_task() -> None:
    found = mixture_of("{both: {tasks: [nli, span], sampling: weights, weights: {span: 3, nli: 1}}}")
    assert found.weights == (1.0, 3.0)


@pytest.mark.parametrize(
    ("mixture", "cause"),
    [
        ("{m: {tasks: [nli, span], sampling: weights, weights: {nli: 1}}}", "`weights` must name the tasks of the mixture"),
        ("{m: {tasks: [nli, span], sampling: weights}}", "`weights` go with sampling: weights"),
        ("{m: {tasks: [nli, span], sampling: weights, weights: [1]}}", "`weights` go with sampling: weights"),
        ("{m: {tasks: [nli, span], weights: [1, 2]}}", "`weights` go with sampling: weights"),
        ("{m: {tasks: [nli, span], sampling: weights, weights: [1, 0]}}", "intermediates.1.m.weights.1: must be above 0"),
        ("{m: {tasks: [nli, span], temperature: 2}}", "`temperature` goes with sampling: temperature"),
        ("{m: {tasks: [nli, span], sampling: temperature}}", "`temperature` goes with sampling: temperature"),
        (
            "{m: {tasks: [nli, span], sampling: temperature, temperature: 0.5}}",
            "intermediates.1.m.temperature: must be at least 1",
        ),
        ("{m: {tasks: [nli, span], alpha: 1.5}}", "intermediates.1.m.alpha: must be at most 1"),
        ("{m: {tasks: [nli, span], batch: mixed}}", "intermediates.1.m.batch: unknown key"),
        ("{m: {tasks: [nli, span], batches: both}}", "intermediates.1.m.batches: must be 'homogeneous' or 'mixed'"),
        ("{m: {tasks: [nli, nli]}}", "must not repeat an item"),
        ("{m: {tasks: [nli, spam]}}", "intermediates.1.m.tasks.1: no task has this name: 'spam'"),
        ("{m: {sampling: weights}}", "must list the tasks of the mixture under `tasks`"),
        ("{none: {tasks: [nli]}}", "none is the setting without an intermediate task"),
        ("{nli: {tasks: [nli, span]}}", "a mixture can't have the name of a task"),
    ],
)
def test_a_wrong_mixture_is_a_fault_at_its_place(mixture: str, cause: str) -> None:
    found = faults(mixture)
    assert any(cause in fault for fault in found), found
    assert all(fault.startswith("g.yaml:3") for fault in found), found
