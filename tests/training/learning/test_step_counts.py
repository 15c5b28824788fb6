"""What a training step may cost, in counts: tokens executed, waits for the device, rows that the optimiser updates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training import toy
from training.identity import Runtime
from training.learning.steps import Steps
from training.models.carry import ChainModel
from training.phase import train_phase
from training.tasks.row import TaskRow

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique2", "unique_dim")
"""Operations whose result, or its size, the host has to know: on a GPU it waits there for all that was asked before."""


class Waits(TorchDispatchMode):
    """Counts the operations that would make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        chosen = args[1] if "index" in name and len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
        if name in WAITS or any(isinstance(one, torch.Tensor) and one.dtype is torch.bool for one in chosen):
            self.seen[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """Counts inside of optimiser steps alone; what is asked for between them (the curve, a checkpoint) is asked for rarely."""
    waits, step = Waits(), Steps.step

    def watched(self: Steps, *args: Any) -> Any:
        with waits:
            return step(self, *args)

    monkeypatch.setattr(Steps, "step", watched)
    yield waits


def tokens_executed(model: ChainModel) -> list[int]:
    """Tokens of each call of the first layer, filled while the model runs."""
    seen: list[int] = []
    first = model.backbone.encoder.layer[0]
    first.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[:-1].numel()))
    return seen


@pytest.mark.parametrize("row", toy.TRAINED, ids=lambda row: row.name)
def test_training_executes_real_tokens_alone_and_never_waits(
    toy_folder: Path, tokenizer: Any, row: TaskRow, counted: Waits
) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, row)
    seen, data = tokens_executed(model), toy.encoded(tokenizer, row, 20)

    trained = train_phase(model, toy.phase(row, epochs=2), [data], vocabulary, Runtime(micro_batch=3))

    assert sum(seen) == trained.tokens == 2 * sum(len(feature) for feature in data.features)
    assert not counted.seen


def test_padded_training_executes_more_tokens_than_it_counts(toy_folder: Path, tokenizer: Any) -> None:
    """What the counts above are held against: with the switch off, padding goes through the encoder too."""
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.TAGS)
    seen = tokens_executed(model)

    trained = train_phase(model, toy.phase(toy.TAGS), [toy.encoded(tokenizer, toy.TAGS, 20)], vocabulary, Runtime(packed=False))

    assert sum(seen) > 1.1 * trained.tokens


def test_waits_are_seen_where_there_are_some() -> None:
    with Waits() as waits:
        value = torch.ones(3)
        assert bool((value > 0).all()) and value[value > 0].sum().item() == 3
    assert waits.seen == {"_local_scalar_dense": 2, "index": 1}


def test_words_that_the_data_lack_are_not_optimised(toy_folder: Path, tokenizer: Any) -> None:
    model, vocabulary = toy.fresh(toy_folder, tokenizer, toy.NLI)
    data = [toy.encoded(tokenizer, toy.NLI, 20)]
    words = {int(token) for feature in data[0].features for token in feature.ids}

    compact = train_phase(model, toy.phase(toy.NLI), data, vocabulary, Runtime())
    whole = train_phase(model, toy.phase(toy.NLI), data, vocabulary, Runtime(compact=False))

    assert len(words) <= compact.word_rows <= len(words) + 4 < whole.word_rows == vocabulary.size
