from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training import toy
from training.data.features import Encoded
from training.errors import DataError, DivergedError
from training.identity import Runtime
from training.learning.optimiser import build_optimiser
from training.learning.schedule import rate_at
from training.models.carry import ChainModel
from training.phase import train_phase
from training.tasks.row import Kind, TaskRow

LOSS_AFTER = {"nli": 0.1, "choice": 0.1, "tags": 0.05, "qa": 0.2, "mlm": 2.4}


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_phase_of_every_kind_learns_its_rule_in_seconds(toy_folder: Path, tokenizer: Any, row: TaskRow) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, row)
    heard: list[tuple[int, int, float]] = []
    trained = train_phase(
        model,
        toy.phase(row, lr=5e-3, epochs=8),
        [toy.encoded(tokenizer, row, 160)],
        vocabulary,
        Runtime(),
        progress=lambda *step: heard.append(step),
    )
    assert trained.steps == 160 and trained.curve[0][0] == 3 and trained.curve[-1][0] == 160
    assert trained.curve[-1][1] < LOSS_AFTER[row.name] < trained.curve[0][1]
    assert heard[0][:2] == (1, 160) and heard[0][2] > LOSS_AFTER[row.name]
    assert heard[1:] == [(step, 160, loss) for step, loss in trained.curve]
    assert trained.tokens == 8 * toy.encoded(tokenizer, row, 160).tokens


def test_phase_of_several_tasks_trains_each_head(toy_folder: Path, tokenizer: Any) -> None:
    rows = (toy.NLI, toy.TAGS)
    model, vocabulary = toy.fresh(toy_folder, tokenizer, *rows)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data = [toy.encoded(tokenizer, row, 24) for row in rows]
    assert train_phase(model, toy.phase(*rows), data, vocabulary, Runtime()).steps == 6
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {"heads.nli2.out.weight", "heads.tags.out.weight", "backbone.encoder.layer.0.output.dense.weight"} <= changed


def test_phase_of_the_same_identity_gives_the_same_weights(dropout_folder: Path, tokenizer: Any) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        model, vocabulary = toy.fresh(dropout_folder, tokenizer, toy.NLI)
        train_phase(model, toy.phase(toy.NLI, seed=seed), [toy.encoded(tokenizer, toy.NLI, 24)], vocabulary, Runtime())
        return list(model.state_dict().values())

    torch.manual_seed(5)
    first = weights(1)
    torch.manual_seed(6)
    assert all(torch.equal(one, other) for one, other in zip(first, weights(1), strict=True))
    assert not all(torch.equal(one, other) for one, other in zip(first, weights(2), strict=True))


@pytest.mark.parametrize("change", [{"mask_rate": 0.5}, {"length_pool": 2}, {"clip": 0.01}, {"schedule": "constant"}])
def test_phase_setting_of_its_identity_changes_what_is_learned(toy_folder: Path, tokenizer: Any, change: Any) -> None:
    def curve(**changes: Any) -> Any:
        model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.MLM)
        return train_phase(
            model, toy.phase(toy.MLM, **changes), [toy.encoded(tokenizer, toy.MLM, 40)], vocabulary, Runtime()
        ).curve

    assert curve() == curve() != curve(**change)


def test_phase_micro_batches_do_not_change_the_weights(toy_folder: Path, tokenizer: Any) -> None:
    def weights(micro_batch: int) -> list[torch.Tensor]:
        model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.TAGS)
        runtime = Runtime(micro_batch=micro_batch)
        train_phase(model.eval(), toy.phase(toy.TAGS, lr=1e-3), [toy.encoded(tokenizer, toy.TAGS, 24)], vocabulary, runtime)
        return list(model.state_dict().values())

    for one, other in zip(weights(0), weights(3), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def diverging(model: ChainModel) -> None:
    with torch.no_grad():
        model.embeddings[:] = float("inf")


def test_phase_loss_that_is_not_finite_names_phase_and_first_such_step(
    toy_folder: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    monkeypatch.setattr("training.learning.schedule.CURVE_POINTS", 1)

    def break_at_fourth(phase: Any, step: int, steps: int) -> float:
        if step == 3:
            diverging(model)
        return 1e-3

    monkeypatch.setattr("training.phase.rate_at", break_at_fourth)
    with pytest.raises(DivergedError, match=r"loss of nli-lr0.003-ep1-s1 is not finite at step 4: 'nan'") as caught:
        train_phase(model, toy.phase(toy.NLI), [toy.encoded(tokenizer, toy.NLI, 64)], vocabulary, Runtime())
    assert "learning rate" in caught.value.remedy


def test_phase_learning_rate_far_too_high_diverges_by_name(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    phase = toy.phase(toy.NLI, lr=1e38, warmup=0.0)
    with pytest.raises(DivergedError, match=re.escape(phase.name)):
        train_phase(model, phase, [toy.encoded(tokenizer, toy.NLI, 64)], vocabulary, Runtime())


def test_phase_last_step_that_breaks_the_weights_diverges(toy_folder: Path, tokenizer: Any) -> None:
    """The loss of the last step is taken before its update, and is finite."""
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    phase = toy.phase(toy.NLI, lr=float("1e39"), warmup=0.0)
    with pytest.raises(DivergedError, match=r"weights of .* are not finite after its last step"):
        train_phase(model, phase, [toy.encoded(tokenizer, toy.NLI, 8)], vocabulary, Runtime())


def test_phase_empty_training_set_is_named(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI, toy.TAGS)
    data = [toy.encoded(tokenizer, toy.NLI, 8), Encoded(toy.TAGS, (), ())]
    with pytest.raises(DataError, match="training set is empty: 'tags'"):
        train_phase(model, toy.phase(toy.NLI, toy.TAGS), data, vocabulary, Runtime())


def test_rate_rises_over_the_warm_up_and_falls_to_zero() -> None:
    phase = toy.phase(toy.NLI, lr=1.0, warmup=0.2)
    rates = [rate_at(phase, step, 10) for step in range(10)]
    assert rates == pytest.approx([1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert rate_at(phase, 10, 10) == 0.0


def test_rate_constant_stays_after_the_warm_up() -> None:
    phase = toy.phase(toy.NLI, lr=1.0, warmup=0.2, schedule="constant")
    assert [rate_at(phase, step, 5) for step in range(5)] == pytest.approx([0.5, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="cosine"):
        rate_at(toy.phase(toy.NLI, schedule="cosine"), 0, 5)


@settings(deadline=None)
@given(st.integers(1, 300), st.floats(0, 1))
def test_rate_is_above_zero_at_every_step_and_never_above_the_phase_s(steps: int, warmup: float) -> None:
    phase = toy.phase(toy.NLI, lr=0.5, warmup=warmup)
    rates = [rate_at(phase, step, steps) for step in range(steps)]
    assert all(0 < rate <= 0.5 for rate in rates)


def test_weight_decay_spares_biases_and_normalisation(toy_folder: Path, tokenizer: Any) -> None:
    """A head named like a normalisation layer is decayed as any other."""
    row = toy._row("normative", Kind.CLASSIFICATION, "r", "accuracy", "tsv", labels=("a", "b"))
    model, _ = toy.fresh(toy_folder, tokenizer, row, toy.MLM)
    optimiser = build_optimiser(model, toy.phase(row, weight_decay=0.3))
    decayed = {id(item) for group in optimiser.param_groups if group["weight_decay"] == 0.3 for item in group["params"]}
    spared = {id(item) for group in optimiser.param_groups if group["weight_decay"] == 0.0 for item in group["params"]}
    for name, parameter in model.named_parameters():
        plain = name.endswith("bias") or "LayerNorm" in name or name.startswith("heads.mlm.norm")
        assert id(parameter) in (spared if plain else decayed), name
    assert not decayed & spared
