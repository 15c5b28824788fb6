"""CUDA graphs of an encoder's training: forward and backward of a bucket of tokens are recorded once and then replayed.

A step of a 24-layer encoder starts thousands of kernels, which takes the host longer than a small batch takes the device; a
graph is one start. Heads, the loss, clipping and AdamW stay as they are.

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
from training.fitting import is_out_of_memory
from training.models.buckets import Bucket, Slot, bucket_of
from training.models.encoding import encode_packed

MOST = 24
"""Buckets that are recorded: each keeps its states, and takes a moment to record."""


@dataclass(frozen=True)
class Recording:
    """One bucket's recording: `forward` fills `states`, `backward` takes `slopes` and adds to the gradients of `used`."""

    forward: Callable[[], None]
    backward: Callable[[], None]
    states: Tensor
    slopes: Tensor
    used: Sequence[Tensor]


Recorder = Callable[[Callable[[], Tensor], Sequence[Tensor], Any], Recording]


class Graphs:
    """The graphs of one encoder while one phase trains it; its weights have to stay where they are."""

    def __init__(self, backbone: Any, record: Recorder | None = None) -> None:
        """`record` makes a recording of a function and of its parameters' gradients, in a pool of memory."""
        self._backbone, self._record = backbone, record or record_on_cuda
        self._parameters = [item for item in backbone.parameters() if item.requires_grad]
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
        slot = self._slots.setdefault(bucket, Slot(bucket, pack.ids.device, typed=pack.types is not None))
        whole = slot.filled(pack)
        if before and bucket not in self._recorded and len(self._recorded) < MOST:
            self._recorded[bucket] = self._recording(whole)
        recording = self._recorded.get(bucket)
        if recording is None:
            return encode_packed(self._backbone, whole, None)[: len(pack.ids)]
        anchor = recording.states.new_zeros((), requires_grad=True)
        states: Tensor = _Replay.apply(anchor, recording)  # type: ignore[no-untyped-call]
        return states[: len(pack.ids)]

    def _recording(self, whole: Pack) -> Recording:
        if self._pool is None and whole.ids.is_cuda:
            self._pool = torch.cuda.graph_pool_handle()
        try:
            return self._record(lambda: encode_packed(self._backbone, whole, None), self._parameters, self._pool)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            seen = str(error).partition("\n")[0]
            raise ModelError("the encoder can't be recorded as a CUDA graph", seen, "write `graphs: false`") from error


class _Replay(torch.autograd.Function):
    """States of a recording; the gradients of the encoder's weights are added by its backward, and none is handed on."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, recording: Recording) -> Tensor:
        ctx.recording = recording
        recording.forward()
        return recording.states.detach()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[None, None]:
        recording: Recording = ctx.recording
        recording.slopes.copy_(slopes[0])
        recording.backward()
        return None, None


def record_on_cuda(run: Callable[[], Tensor], parameters: Sequence[Tensor], pool: Any) -> Recording:
    """Record `run` and its backward as two CUDA graphs; the random state afterwards is that of before."""
    device = parameters[0].device
    with torch.random.fork_rng(devices=[device]), _uncached_autocast(device):
        used, like = _used(run, parameters)
        for parameter in used:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients, slopes = [item.grad for item in used if item.grad is not None], torch.zeros_like(like)
        forward, backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        # Other threads go on using the device, such as the one that writes a checkpoint.
        with torch.cuda.graph(forward, pool=pool, capture_error_mode="thread_local"):
            states = run()
        with torch.cuda.graph(backward, pool=pool, capture_error_mode="thread_local"):
            found = torch.autograd.grad(states, used, slopes)
            torch._foreach_add_(gradients, found)
        del found  # what it takes is free for the next recording
    return Recording(forward.replay, backward.replay, states.detach(), slopes, used)


def _used(run: Callable[[], Tensor], parameters: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The parameters that get a gradient from `run`, and something like its states; on another stream, as recordings are."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        states = run()
        found = torch.autograd.grad(states, parameters, torch.zeros_like(states), allow_unused=True)
        used = [item for item, gradient in zip(parameters, found, strict=True) if gradient is not None]
        like = torch.empty_like(states, requires_grad=False)
    torch.cuda.current_stream().wait_stream(side)
    return used, like


@contextlib.contextmanager
def _uncached_autocast(device: torch.device) -> Iterator[None]:
    """The autocast that holds now, without its cache: weights in half precision have to be made by each replay."""
    kind = device.type
    with torch.autocast(kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind), cache_enabled=False):
        yield
