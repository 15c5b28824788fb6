"""CUDA graphs of an encoder's layers in training: forward and backward of a bucket of tokens are recorded once, then replayed.

A step of a 24-layer encoder starts thousands of kernels, which takes the host longer than a small batch takes the device; a
graph is one start. Embeddings, heads, the loss, clipping and AdamW stay as they are.

* A bucket is run kernel by kernel the first time and recorded the second; those beyond `MOST` are never recorded. Both ways
  run the same padded pack with the same random numbers, so it changes no result when a phase is resumed in between.
* Backward adds to gradients that stay where they are (`kept`): whoever clears gradients has to keep these tensors.
* Graphs share one pool of memory, which they can since a pack's backward always follows its forward before the next pack's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.data.packs import Pack
from training.errors import ModelError
from training.learning.fitting import is_out_of_memory
from training.models.buckets import Bucket, Slot, bucket_of
from training.models.encoding import embedded, through_layers

MOST = 24
"""Buckets that are recorded: each keeps its states, and takes a moment to record."""
Layers = Callable[[Tensor], Tensor]
"""From what goes into the first layer, [1, tokens, width], to states, [tokens, width]."""


@dataclass(frozen=True)
class Recording:
    """One bucket's recording: `forward` makes `states` of `given`.

    `backward` makes `back`, the gradient of `given`, of `slopes`, that of `states`, and adds to the gradients of `used`.
    """

    forward: Callable[[], None]
    backward: Callable[[], None]
    given: Tensor
    states: Tensor
    slopes: Tensor
    back: Tensor
    used: Sequence[Tensor]


Recorder = Callable[[Layers, Tensor, Sequence[Tensor], Any], Recording]
"""Records layers on something like their input, with the gradients of some parameters, in a pool of memory."""


class Graphs:
    """The graphs of one encoder while one phase trains it; its weights have to stay where they are."""

    def __init__(self, backbone: Any, record: Recorder | None = None) -> None:
        self._backbone, self._record = backbone, record or record_on_cuda
        self._parameters = [item for item in backbone.encoder.parameters() if item.requires_grad]
        self.drop()

    def drop(self) -> None:
        """Forget every recording, and give its memory back."""
        self._slots: dict[Bucket, Slot] = {}
        self._recorded: dict[Bucket, Recording] = {}
        self._pool: Any = None

    @property
    def recorded(self) -> int:
        """Buckets that are replayed."""
        return len(self._recorded)

    @property
    def kept(self) -> Sequence[Tensor]:
        """Parameters whose gradients have to stay where they are."""
        return next(iter(self._recorded.values())).used if self._recorded else ()

    def encode(self, pack: Pack) -> Tensor:
        """States of a pack's tokens, [tokens, width], good until the next call; raises ModelError where recording fails."""
        bucket = bucket_of(pack)
        before = bucket in self._slots
        if not before:
            self._slots[bucket] = Slot(bucket, pack.ids.device, typed=pack.types is not None)
        whole = self._slots[bucket].filled(pack)
        hidden = embedded(self._backbone, whole)
        if before and bucket not in self._recorded and len(self._recorded) < MOST:
            self._recorded[bucket] = self._recording(whole, hidden)
        recording = self._recorded.get(bucket)
        if recording is None:
            states = through_layers(self._backbone, hidden, whole, None)
        else:
            states = _Replay.apply(hidden, recording)  # type: ignore[no-untyped-call]
        return states[: len(pack.ids)]

    def _recording(self, whole: Pack, hidden: Tensor) -> Recording:
        if self._pool is None and hidden.is_cuda:
            self._pool = torch.cuda.graph_pool_handle()
        backbone = self._backbone
        try:
            return self._record(
                lambda given: through_layers(backbone, given, whole, None), hidden, self._parameters, self._pool
            )
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            seen = str(error).partition("\n")[0]
            raise ModelError("the encoder can't be recorded as a CUDA graph", seen, "write `graphs: false`") from error


class _Replay(torch.autograd.Function):
    """States of a recording; gradients of the layers' weights are added by its backward, that of its input is handed on."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, recording: Recording) -> Tensor:
        ctx.recording = recording
        recording.given.copy_(hidden)
        recording.forward()
        return recording.states.detach()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        recording: Recording = ctx.recording
        recording.slopes.copy_(slopes[0])
        recording.backward()
        return recording.back, None


def record_on_cuda(layers: Layers, hidden: Tensor, parameters: Sequence[Tensor], pool: Any) -> Recording:
    """Record `layers` and their backward as two CUDA graphs; the random state afterwards is that of before."""
    device = hidden.device
    given = hidden.detach().clone().requires_grad_()
    with torch.random.fork_rng(devices=[device]), _uncached_autocast(device):
        used, slopes = _tried(layers, given, parameters)
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [item.grad for item in used if item.grad is not None]
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        # Other threads go on using the device.
        with torch.cuda.graph(forward, pool=pool, capture_error_mode="thread_local"):
            states = layers(given)
        with torch.cuda.graph(backward, pool=pool, capture_error_mode="thread_local"):
            back, *found = torch.autograd.grad(states, [given, *used], slopes)
            torch._foreach_add_(gradients, found)
        del found  # what it takes is free for the next recording
    return Recording(forward.replay, backward.replay, given, states.detach(), slopes, back, used)


def _tried(layers: Layers, given: Tensor, parameters: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The parameters that get a gradient, and zeros like the states; on another stream, as recordings are."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        states = layers(given)
        slopes = torch.zeros_like(states, requires_grad=False)
        found = torch.autograd.grad(states, parameters, slopes, allow_unused=True)
        used = [item for item, gradient in zip(parameters, found, strict=True) if gradient is not None]
    torch.cuda.current_stream().wait_stream(side)
    return used, slopes


@contextlib.contextmanager
def _uncached_autocast(device: torch.device) -> Iterator[None]:
    """The autocast that holds now, without its cache: weights in half precision have to be made by each replay."""
    kind = device.type
    with torch.autocast(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind), cache_enabled=False):
        yield
