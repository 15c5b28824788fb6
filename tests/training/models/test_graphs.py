"""Training by recordings: buckets, and everything around a CUDA graph, for which there is a stand-in where there is no GPU."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

import training.phase
from tests.training import toy
from tests.training.data.test_packs import CPU, FAMILIES, backbone_of, rows_of, vocabulary_of
from tests.training.learning.test_step_counts import Waits
from training.data.packs import Pack, Vocabulary, pack
from training.errors import ModelError
from training.identity import Runtime
from training.learning.precision import BFLOAT16, autocast
from training.models import attention, graphs
from training.models.buckets import Slot, bucket_of
from training.models.carry import ChainModel
from training.models.encoding import encode, encode_packed
from training.models.graphs import Graphs, Layers, Recording, record_on_cuda
from training.phase import train_phase
from training.tasks.row import TaskRow

WORDS = Vocabulary(pad=1, mask=4, size=40, types=True)
LENGTHS = st.lists(st.integers(1, 24), min_size=1, max_size=40)


def by_bounds(parts: list[Tensor], packed: Pack, scaling: float | None, dropout: float, *, causal: bool) -> Tensor:
    """Attention as the kernel of a GPU has it: rows are where `bounds` says, which a recording reads anew each time."""
    found = torch.zeros_like(parts[0])
    edges = packed.bounds.tolist()
    for start, end in itertools.pairwise(edges):
        if end > start:
            states = (part[None, start:end].transpose(1, 2) for part in parts)
            found[start:end] = scaled_dot_product_attention(*states, scale=scaling)[0].transpose(0, 1)
    return found


@dataclass
class StandIn:
    """What a recorder of CUDA graphs does, without one: a replay computes again, from the tensors that were there."""

    recorded: int = 0
    replays: list[str] = field(default_factory=list)

    def __call__(self, layers: Layers, hidden: Tensor, parameters: Sequence[Tensor], pool: Any) -> Recording:
        self.recorded += 1
        given = hidden.detach().clone().requires_grad_()
        first = layers(given)
        found = torch.autograd.grad(first.sum(), list(parameters), allow_unused=True)
        used = [item for item, gradient in zip(parameters, found, strict=True) if gradient is not None]
        for item in used:
            item.grad = torch.zeros_like(item) if item.grad is None else item.grad
        gradients = [item.grad for item in used if item.grad is not None]
        states, slopes, back, live = first.detach().clone(), torch.zeros_like(first), torch.zeros_like(given), []

        def forward() -> None:
            self.replays.append("forward")
            with torch.enable_grad():
                live.append(layers(given))
            states.copy_(live[-1].detach())

        def backward() -> None:
            self.replays.append("backward")
            handed, *found = torch.autograd.grad(live.pop(), [given, *used], slopes)
            back.copy_(handed)
            for gradient, more in zip(gradients, found, strict=True):
                gradient.add_(more)

        return Recording(forward, backward, given, states, slopes.detach(), back.detach(), used)


@given(lengths=LENGTHS)
def test_bucket_holds_the_pack_and_its_tail_in_rows_that_the_encoder_has_positions_for(lengths: list[int]) -> None:
    together = pack(rows_of(lengths), WORDS, CPU)
    bucket = bucket_of(together)
    whole = Slot(bucket, CPU, typed=True).filled(together)

    edges = whole.bounds.tolist()
    assert len(edges) == bucket.rows + 1 and edges == sorted(edges) and edges[-1] == bucket.tokens == len(whole.ids)
    assert edges[: together.rows + 1] == together.bounds.tolist()
    assert max(np.diff(edges)) == together.longest <= bucket.longest == whole.reach
    count = len(together.ids)
    assert torch.equal(whole.ids[:count], together.ids) and set(whole.ids[count:].tolist()) <= {WORDS.pad}
    for start, end in itertools.pairwise(edges):
        assert whole.places[start:end].tolist() == list(range(end - start))
    assert sum(rows * length for rows, length in whole.runs) == bucket.tokens


@given(tokens=st.integers(1, 100_000))
def test_tail_is_an_eighth_of_a_pack_at_the_most(tokens: int) -> None:
    one = pack(rows_of([3]), WORDS, CPU)
    size = bucket_of(Pack(**(vars(one) | {"ids": torch.zeros(tokens, dtype=torch.long), "runs": ((tokens, 1),)}))).tokens

    assert tokens <= size < tokens + max(64, tokens / 8 + 1)


def test_filling_a_slot_never_waits_for_the_device() -> None:
    together = pack(rows_of([5, 9, 2]), WORDS, CPU)
    slot = Slot(bucket_of(together), CPU, typed=True)
    with Waits() as waits:
        slot.filled(together)

    assert not waits.seen


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=10, deadline=None)
@given(batches=st.lists(LENGTHS, min_size=3, max_size=6))
def test_states_and_gradients_of_recordings_are_those_of_packs(family: str, batches: list[list[int]]) -> None:
    backbone = backbone_of(family)
    packs = [pack(rows_of(lengths, seed), vocabulary_of(backbone), CPU) for seed, lengths in enumerate(batches)]
    slopes = [torch.randn(len(one.ids), 16, generator=torch.Generator().manual_seed(7)) for one in packs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "_by_blocks", by_bounds)
        recorder = StandIn()
        found = _gradients(backbone, packs, slopes, Graphs(backbone, recorder).encode)
    wanted = _gradients(backbone, packs, slopes, lambda one: encode(backbone, one, None, packed=True))

    assert recorder.replays == ["forward", "backward"] * (len(recorder.replays) // 2)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def _gradients(
    backbone: Any, packs: list[Pack], slopes: list[Tensor], encoder: Callable[[Pack], Tensor]
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The states of each pack, and the gradients of all of them together."""
    backbone.zero_grad()
    states = []
    for one, slope in zip(packs, slopes, strict=True):
        now = encoder(one)
        states.append(now.detach().clone())
        now.backward(slope)
    return states, {name: value.grad.clone() for name, value in backbone.named_parameters() if value.grad is not None}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Phases are trained by recordings of a stand-in."""
    recorder = StandIn()

    @contextlib.contextmanager
    def graphs_of(model: ChainModel, *_: object) -> Iterator[None]:
        model.graphs = Graphs(model.backbone, recorder)
        try:
            yield
        finally:
            model.graphs = None

    monkeypatch.setattr(attention, "_by_blocks", by_bounds)
    monkeypatch.setattr(training.phase, "graphs_of", graphs_of)
    return recorder


def trained(folder: Path, tokenizer: Any, rows: tuple[TaskRow, ...], micro_batch: int) -> dict[str, Tensor]:
    model, vocabulary = toy.fresh(folder, tokenizer, *rows)
    data = [toy.encoded(tokenizer, row, 24) for row in rows]
    train_phase(model, toy.phase(*rows, epochs=3), data, vocabulary, Runtime(micro_batch=micro_batch))
    # A key's bias has no gradient but rounding, which AdamW makes as large as any other.
    return {name: value for name, value in model.state_dict().items() if not name.endswith("key.bias")}


@pytest.mark.parametrize("micro_batch", [0, 3])
@pytest.mark.parametrize(
    "rows", [*((row,) for row in toy.TRAINED), (toy.NLI, toy.TAGS, toy.QA)], ids=lambda rows: rows[-1].name
)
def test_phase_by_recordings_has_the_weights_of_one_without(
    toy_folder: Path,
    tokenizer: Any,
    rows: tuple[TaskRow, ...],
    micro_batch: int,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = trained(toy_folder, tokenizer, rows, micro_batch)
    monkeypatch.undo()
    wanted = trained(toy_folder, tokenizer, rows, micro_batch)

    assert stand_in.recorded and stand_in.replays.count("backward") > stand_in.recorded
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=2e-5)


def test_step_that_runs_out_of_memory_is_done_again_without_what_was_recorded(
    toy_folder: Path, tokenizer: Any, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[int] = []
    whole = Graphs.encode

    def encode_once_without_memory(self: Graphs, one: Pack) -> Tensor:
        if stand_in.replays and not failed:
            failed.append(self.recorded)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return whole(self, one)

    monkeypatch.setattr(Graphs, "encode", encode_once_without_memory)
    found = trained(toy_folder, tokenizer, (toy.NLI,), 0)
    again = stand_in.recorded
    monkeypatch.undo()

    assert failed == [1] and again > 1
    torch.testing.assert_close(found, trained(toy_folder, tokenizer, (toy.NLI,), 0), rtol=1e-3, atol=2e-5)


def test_encoder_that_cannot_be_recorded_is_told_with_what_to_do() -> None:
    def broken(*_: object) -> Recording:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    backbone = backbone_of("bert")
    found, one = Graphs(backbone, broken), pack(rows_of([3, 4]), vocabulary_of(backbone), CPU)
    found.encode(one)
    with pytest.raises(ModelError, match=r"(?s)can't be recorded .*not permitted when stream is capturing.*graphs: false"):
        found.encode(one)


def test_buckets_beyond_the_most_are_run_kernel_by_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST", 1)
    backbone, recorder = backbone_of("bert"), StandIn()
    found = Graphs(backbone, recorder)
    small, large = (pack(rows_of([5] * rows), vocabulary_of(backbone), CPU) for rows in (2, 40))
    for one in (small, large, small, large, large):
        found.encode(one).sum().backward()

    assert recorder.recorded == found.recorded == 1 and len(recorder.replays) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_graphs_give_the_states_and_gradients_of_the_same_kernels_one_by_one() -> None:
    device = torch.device("cuda")
    backbone = backbone_of("xlm-roberta").to(device)
    lengths = [[3, 9, 24], [4, 8, 23], [5, 7, 22, 1], [24] * 5]
    packs = [pack(rows_of(some, seed), vocabulary_of(backbone), device) for seed, some in enumerate(lengths)]
    slopes = [torch.randn(len(one.ids), 16, device=device) for one in packs]
    with autocast(device, BFLOAT16):
        recorded = Graphs(backbone, record_on_cuda)
        found = _gradients(backbone, packs, slopes, recorded.encode)
        wanted = _gradients(backbone, packs, slopes, lambda one: encode_packed(backbone, one, None))

    assert recorded.recorded
    torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-2)
