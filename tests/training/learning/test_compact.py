"""Training the rows of words that occur gives what training the whole word table gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import AutoModel, MPNetConfig, T5EncoderModel
from transformers.models.t5 import T5Config

from tests.training import toy
from training.data.columns import FeatureRows, gather
from training.data.features import Encoded, Feature
from training.data.joined import join
from training.errors import StoreError
from training.identity import PhaseIdentity
from training.learning.optimiser import allocate_moments, build_optimiser, clip_gradients, decay_left, set_rate
from training.learning.schedule import rate_at
from training.models.carry import ChainModel
from training.models.compact import TOKENS, WordTable, active_tokens, word_embedding

ROUNDING = 2.0**-22
"""What a step's rounding may change, as a share of a weight."""


class Reader(nn.Module):
    """Looks words up, and makes one number of each."""

    def __init__(self, size: int, width: int, padding: int | None) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(size, width, padding_idx=padding), nn.Linear(width, 1)

    def get_input_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.out(torch.tanh(self.words(tokens))).squeeze(-1)
        return found


@dataclass(frozen=True)
class World:
    """A vocabulary, the tokens in use, and how they are trained."""

    size: int
    width: int
    tokens: list[int]
    padding: int | None
    steps: int
    phase: PhaseIdentity
    seed: int

    def model(self) -> ChainModel:
        torch.manual_seed(self.seed)
        return ChainModel(Reader(self.size, self.width, self.padding), {})

    def table(self, model: ChainModel, *, compact: bool) -> WordTable:
        tokens = np.asarray(sorted(self.tokens), dtype=np.int64) if compact else None
        return WordTable(model, tokens, lambda done: decay_left(self.phase, self.steps, done))

    def train(self, *, compact: bool) -> ChainModel:
        model = self.model()
        words = self.table(model, compact=compact)
        with words.compact():
            assert words.rows == (len(self.tokens) if compact else self.size)
            optimiser = build_optimiser(model, self.phase)
            allocate_moments(optimiser)
            for step in range(self.steps):
                self.step(model, optimiser, step)
                words.step = step + 1
        return model

    def step(self, model: ChainModel, optimiser: torch.optim.AdamW, step: int) -> None:
        dice = np.random.default_rng([self.seed, step])
        tokens, wanted = torch.from_numpy(dice.choice(self.tokens, 7)), torch.from_numpy(dice.normal(size=7).astype(np.float32))
        loss = ((model.backbone(tokens) - wanted) ** 2).mean()
        torch.autograd.backward(loss)
        clip_gradients(model, model.embeddings, self.phase.clip)
        set_rate(optimiser, rate_at(self.phase, step, self.steps))
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    size = draw(st.integers(2, 80))
    padding = draw(st.none() | st.integers(0, size - 1))
    tokens = draw(st.sets(st.integers(0, size - 1), min_size=1))
    phase = toy.phase(
        toy.NLI,
        lr=draw(st.sampled_from([1e-5, 3e-3, 0.1])),
        weight_decay=draw(st.sampled_from([0.0, 0.01, 0.3])),
        clip=draw(st.sampled_from([0.0, 0.01, 1.0])),
        schedule=draw(st.sampled_from(["linear", "constant", "wsd"])),
    )
    return World(
        size,
        16 * draw(st.integers(1, 3)),
        sorted(tokens | ({padding} if padding is not None else set())),
        padding,
        draw(st.integers(0, 8)),
        phase,
        draw(st.integers(0, 10**6)),
    )


@settings(deadline=None, max_examples=150)
@given(worlds())
def test_compact_table_is_trained_as_the_whole_one(world: World) -> None:
    compact, whole = (world.train(compact=flag).state_dict() for flag in (True, False))
    assert compact.keys() == whole.keys()
    found, wanted = compact.pop("backbone.words.weight"), whole.pop("backbone.words.weight")
    assert all(torch.equal(compact[name], whole[name]) for name in whole)
    assert torch.equal(found[world.tokens], wanted[world.tokens])
    if world.phase.weight_decay == 0:
        assert torch.equal(found, wanted)
    else:
        torch.testing.assert_close(found, wanted, rtol=ROUNDING * max(world.steps, 1), atol=0)


def test_decayed_rows_follow_the_closed_form_over_many_steps() -> None:
    phase = toy.phase(toy.NLI, lr=1e-2, weight_decay=0.1)
    world = World(40, 16, [3, 5], None, 400, phase, 1)
    left = np.prod([1 - rate_at(phase, step, 400) * 0.1 for step in range(400)])
    assert 0.7 < left < 0.85
    before, after = world.model().embeddings.detach(), world.train(compact=True).embeddings.detach()
    torch.testing.assert_close(after[10:].double(), before[10:].double() * left, rtol=2.0**-22, atol=0)
    torch.testing.assert_close(after, world.train(compact=False).embeddings.detach(), rtol=400 * ROUNDING, atol=0)


class Stop(Exception):
    pass


def test_table_is_whole_again_however_the_training_ends() -> None:
    world = World(20, 4, [2, 3, 7], 2, 3, toy.phase(toy.NLI, weight_decay=0.5, lr=0.1), 3)
    model, expected = world.model(), world.train(compact=True)
    words = world.table(model, compact=True)
    with pytest.raises(Stop), words.compact():
        optimiser = build_optimiser(model, world.phase)
        for step in range(world.steps):
            world.step(model, optimiser, step)
            words.step += 1
        raise Stop
    assert torch.equal(model.embeddings, expected.embeddings)
    embedding = word_embedding(model)
    assert embedding is not None and (embedding.num_embeddings, embedding.padding_idx) == (20, 2)
    assert not embedding._forward_pre_hooks and not dict(model.named_buffers())
    tokens = torch.arange(20)
    assert torch.equal(model.backbone(tokens), expected.backbone(tokens))
    assert isinstance(embedding.weight, nn.Parameter) and embedding.weight.requires_grad


def test_token_that_is_not_active_is_refused() -> None:
    world = World(20, 4, [2, 3, 7], None, 1, toy.phase(toy.NLI), 3)
    model = world.model()
    with world.table(model, compact=True).compact():
        assert model.backbone(torch.tensor([7])).shape == (1,) and model.embeddings.shape == (3, 4)
        with pytest.raises(IndexError):
            model.backbone(torch.tensor([6]))


def test_encoder_that_counts_positions_from_the_padding_reads_the_same_through_a_compact_table() -> None:
    torch.manual_seed(0)
    config = MPNetConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    model = ChainModel(AutoModel.from_config(config).eval(), {})
    tokens = torch.tensor([[0, 9, 30, 2], [0, 30, 2, 1]])
    inputs = {"input_ids": tokens, "attention_mask": (tokens != 1).long()}
    before, state = model.backbone(**inputs).last_hidden_state, list(model.state_dict())
    words = WordTable(model, np.asarray([0, 1, 2, 9, 30]), lambda done: 1.0)
    with words.compact():
        assert words.rows == len(model.embeddings) == 5 and list(model.state_dict()) == state
        assert torch.equal(model.backbone(**inputs).last_hidden_state, before)
    assert torch.equal(model.backbone(**inputs).last_hidden_state, before)


def test_table_that_another_part_uses_or_that_is_not_plain_is_left_alone() -> None:
    tied, renormed, frozen = (World(9, 4, [1], None, 1, toy.phase(toy.NLI), 3).model() for _ in range(3))
    tied.backbone.other = nn.Linear(4, 9)
    tied.backbone.other.weight = tied.backbone.words.weight
    renormed.backbone.words.max_norm = 1.0
    frozen.backbone.words.requires_grad_(False)
    twice = ChainModel(T5EncoderModel(T5Config(vocab_size=9, d_model=4, d_kv=4, d_ff=4, num_layers=1, num_heads=1)), {})
    for model in (tied, renormed, frozen, twice, ChainModel(nn.Linear(2, 2), {})):
        assert word_embedding(model) is None
        words = WordTable(model, np.asarray([1]), lambda done: 0.5)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with words.compact():
            assert words.rows == 0
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def column(encoded: Encoded) -> Encoded:
    return Encoded(encoded.row, encoded.examples, FeatureRows(gather(encoded.features)), encoded.group, encoded.tokens)


def test_active_tokens_are_those_of_the_data_and_the_special_ones(tokenizer: Any) -> None:
    parts = [toy.encoded(tokenizer, toy.NLI, 5, seed) for seed in (1, 2)]
    wanted = {1, 4} | {int(token) for part in parts for feature in part.features for token in feature.ids}
    for data in (parts, [column(part) for part in parts], [join(parts)], [join([column(parts[0]), parts[1]])]):
        found = active_tokens(data, len(tokenizer), [1, 4])
        assert found is not None and found.tolist() == sorted(wanted) and found.dtype == np.int64
    choices = toy.encoded(tokenizer, toy.CHOICE, 3)
    found = active_tokens([*parts, choices], len(tokenizer), [])
    assert found is not None and set(found) > wanted - {1, 4}


def test_no_token_is_left_out_where_words_are_predicted_or_all_occur(tokenizer: Any) -> None:
    masked, pairs = toy.encoded(tokenizer, toy.MLM, 5), toy.encoded(tokenizer, toy.NLI, 5)
    assert active_tokens([masked], len(tokenizer), [1]) is None
    assert active_tokens([pairs, masked], len(tokenizer), [1]) is None
    ids = np.arange(9, dtype=np.int32)
    everything = Encoded(toy.NLI, (), [Feature(ids=ids, types=ids, example=0)])
    assert active_tokens([pairs, everything], len(tokenizer), []) is not None
    assert active_tokens([everything], 9, []) is None and active_tokens([everything], 10, []) is not None


@settings(deadline=None, max_examples=100)
@given(worlds(), st.data())
def test_rows_of_a_checkpoint_are_fitted_to_those_that_are_trained(world: World, data: st.DataObject) -> None:
    """Rows that the checkpoint lacks are those of the beginning, decayed; their moments are zero."""
    there = data.draw(st.none() | st.sets(st.integers(0, world.size - 1), min_size=1).map(sorted))
    compact, step = data.draw(st.booleans()), data.draw(st.integers(0, world.steps))
    model = world.model()
    before = model.embeddings.detach().clone() * decay_left(world.phase, world.steps, step)
    rows = list(range(world.size)) if there is None else there
    name = "backbone.words.weight"
    file = {f"{kind}.{name}": torch.randn(len(rows), world.width) for kind in ("model", "adam.exp_avg", "adam.exp_avg_sq")}
    file |= {"model.backbone.out.bias": torch.ones(1)} | ({} if there is None else {TOKENS: torch.tensor(there).int()})
    words = world.table(model, compact=compact)
    with words.compact():
        found = words.fitted(file, step)
    assert found.keys() == file.keys() and found["model.backbone.out.bias"] is file["model.backbone.out.bias"]
    for row, token in enumerate(world.tokens if compact else range(world.size)):
        for kind in ("model", "adam.exp_avg", "adam.exp_avg_sq"):
            value = found[f"{kind}.{name}"][row]
            if token in rows:
                assert torch.equal(value, file[f"{kind}.{name}"][rows.index(token)])
            elif kind == "model":
                torch.testing.assert_close(value, before[token], rtol=ROUNDING, atol=0)
            else:
                assert not value.any()


@pytest.mark.parametrize("there", [[1, 99], [-3, 1], [1, 2, 3]])
def test_rows_of_another_vocabulary_are_refused(there: list[int]) -> None:
    world = World(9, 4, [1, 2], None, 1, toy.phase(toy.NLI), 3)
    words = world.table(world.model(), compact=True)
    file = {"model.backbone.words.weight": torch.zeros(2, 4), TOKENS: torch.tensor(there).int()}
    with words.compact(), pytest.raises(StoreError, match="another model"):
        words.fitted(file, 1)


def test_norm_of_gradients_is_that_of_torch() -> None:
    world = World(30, 8, [1, 2], None, 1, toy.phase(toy.NLI), 3)
    models = [world.model() for _ in range(2)]
    for model in models:
        torch.manual_seed(5)
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
    clip_gradients(models[0], models[0].embeddings, 0.5)
    torch.nn.utils.clip_grad_norm_(models[1].parameters(), 0.5)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    before = [parameter.grad for parameter in models[0].parameters()]
    clip_gradients(models[0], models[0].embeddings, 0.0)
    assert all(one is parameter.grad for one, parameter in zip(before, models[0].parameters(), strict=True))


def test_norm_of_a_large_table_s_gradient_is_exact() -> None:
    """A sum of millions of squares in float32 is off in its fourth digit."""
    model = World(100_000, 64, [1], None, 1, toy.phase(toy.NLI), 3).model()
    model.embeddings.grad = torch.randn(100_000, 64, generator=torch.Generator().manual_seed(1))
    clip_gradients(model, model.embeddings, 1.0)
    assert float(model.embeddings.grad.double().norm()) == pytest.approx(1.0, abs=3e-6)
