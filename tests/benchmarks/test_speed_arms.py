"""The arms that are timed against each other train the same thing: same rows, same losses."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import pytest
import torch

from benchmarks.speed.product import Product, first_batches, timed_phase
from benchmarks.speed.shapes import TINY, chain_model
from benchmarks.speed.texts import ROWS, Workload, workload
from benchmarks.speed.usual import DEFAULT, Baseline, HuggingFace, Loop, Usual, grouped_batches
from training.identity import Runtime
from training.learning.precision import BFLOAT16
from training.models.carry import ChainModel

CPU = torch.device("cpu")
BATCH, STEPS = 4, 3
needs_trainer = pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None, reason="Hugging Face's Trainer needs accelerate: pip install 'sweep[bench]'"
)


def _made(name: str) -> tuple[Workload, ChainModel]:
    work = workload(name, TINY, BATCH * STEPS, None)
    return work, chain_model(TINY, work.row, 0.0)


def _apart(one: Sequence[float], other: Sequence[float]) -> float:
    assert len(one) == len(other) == STEPS
    return max(abs(first - second) for first, second in zip(one, other, strict=True))


@pytest.mark.parametrize("name", sorted(ROWS))
def test_losses_of_the_product_are_those_of_padded_batches(name: str) -> None:
    work, model = _made(name)
    arms = [Loop(model, work, BATCH, STEPS, CPU, Usual(dynamic=dynamic), losses=True) for dynamic in (False, True)]
    if name == "nli":  # elsewhere the mean of micro-batches' means is not the batch's
        arms.append(Loop(model, work, BATCH, STEPS, CPU, Usual(micro_batch=BATCH // 2), losses=True))
    runtimes = (Runtime(), Runtime(packed=False, compact=False))
    ours = [Product(model, TINY, work, BATCH, STEPS, runtime, losses=True)() for runtime in runtimes]
    for run in (ours[1], *(arm() for arm in arms)):
        assert _apart(ours[0].losses, run.losses) <= 1e-5
        assert (run.steps, run.rows, run.tokens) == (ours[0].steps, ours[0].rows, ours[0].tokens)


def test_losses_differ_where_the_weights_do() -> None:
    work, model = _made("nli")
    other = chain_model(TINY, work.row, 0.0, seed=1)
    ours = Product(model, TINY, work, BATCH, STEPS, Runtime(), losses=True)()
    assert _apart(ours.losses, Loop(other, work, BATCH, STEPS, CPU, losses=True)().losses) > 1e-4


@needs_trainer
@pytest.mark.parametrize("name", sorted(ROWS))
@pytest.mark.parametrize("usual", [DEFAULT, Usual(dynamic=True), Usual(precision=BFLOAT16)], ids=["max", "dynamic", "bf16"])
def test_losses_of_the_loop_are_those_of_the_trainer(name: str, usual: Usual) -> None:
    work, model = _made(name)
    arms: list[Baseline] = [kind(model, work, BATCH, STEPS, CPU, usual, losses=True) for kind in (Loop, HuggingFace)]
    loop, trainer = (arm() for arm in arms)
    assert _apart(loop.losses, trainer.losses) == 0.0
    assert (loop.rows, loop.tokens) == (trainer.rows, trainer.tokens)


def test_timed_arms_see_the_same_rows_as_a_long_phase_does() -> None:
    work, model = _made("udpos")
    ours = Product(model, TINY, work, BATCH, STEPS, Runtime())()
    usual = Loop(model, work, BATCH, STEPS, CPU)()
    assert (ours.rows, ours.tokens) == (usual.rows, usual.tokens) == (BATCH * (STEPS - 1), ours.tokens)
    assert ours.losses == (), "a point of the loss curve in a timed run would wait for the device"


def test_steps_ahead_are_not_timed() -> None:
    work, model = _made("udpos")
    ours = Product(model, TINY, work, BATCH, STEPS, Runtime(), ahead=7)()
    assert (ours.steps, ours.rows) == (STEPS - 1, BATCH * (STEPS - 1))
    assert ours.tokens != Product(model, TINY, work, BATCH, STEPS, Runtime())().tokens, "other steps, other rows"


def test_every_run_begins_with_the_same_weights() -> None:
    work, model = _made("nli")
    arm = Product(model, TINY, work, BATCH, STEPS, Runtime(), losses=True)
    assert arm().losses == arm().losses


def test_grouped_batches_are_of_alike_lengths_and_of_every_length() -> None:
    work = workload("udpos", TINY, 400, None)
    found = [work.lengths[draw.parts[0].units] for draw in grouped_batches(work, 8, 10)]
    random = [work.lengths[draw.parts[0].units] for draw in first_batches(work, timed_phase(work, 8, 10), 10)]
    assert all(len(lengths) == 8 for lengths in found)
    spans, others = ([lengths.max() - lengths.min() for lengths in batches] for batches in (found, random))
    assert sorted(spans)[-2] < min(others), "the longest rows are apart in any case"
    assert abs(sum(lengths.mean() for lengths in found) / 10 / work.lengths.mean() - 1) < 0.15
