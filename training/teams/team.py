"""Several processes that train a phase together, each on its own device, to the weights of one process alone.

* The leader (rank 0) walks the chain, as one process does: store, claims, checkpoints, evaluation. The others, its assistants,
  wait until it orders a phase. They get its weights, AdamW's moments and its step, and then make the same optimiser steps.
* In a step each worker takes a share of the units. Losses are sums divided by the whole step's count, so gradients add up.
* Before gradients are added up all workers meet (`agree`): whether one ran out of memory, or hears that its machine will be
  taken away, how many tokens there were, and which parameters have a gradient at all. That goes over the hosts (gloo), waits
  for nobody's GPU, and may take as long as the leader has other things to do.
* The leader ends each phase, however it ends: who meets it then is dismissed (`DismissedError`), and waits for the next order.

It needs a default process group of torch.distributed; who makes it (Ray Train, torchrun, a test) is not known here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

LONGEST = timedelta(days=7)
"""For how long an assistant waits for its leader; a leader that has died closes the connection."""
BUCKET = 1 << 22
"""Numbers that go over the network together, at most; a larger gradient goes by itself."""
APART = 1e-3
"""How far sums of weights may differ between workers, as a share of the weights: GPUs of two kinds round differently."""


class TeamLostError(Exception):
    """A worker of the team is gone, or out of step: the phase has to be begun again from its checkpoint, by another team."""


class DismissedError(Exception):
    """The leader has ended the phase."""


class StartFailedError(RuntimeError):
    """A worker could not begin, most likely for want of memory; all of them hear what it said."""


@dataclass(frozen=True)
class Agreed:
    """What a team knows of a step together: what was said where memory ran out (else nothing), its tokens, its gradients."""

    seen: str
    tokens: int
    present: tuple[bool, ...]


class Team:
    """This process's place in a team of `size`; alone unless `form` made it. No method does anything in a process alone.

    `urgent` is asked once a step in assistants: whether a checkpoint is wanted at once, because this machine is about to go.
    """

    def __init__(self, rank: int = 0, size: int = 1, control: Any = None, urgent: Callable[[], bool] | None = None) -> None:
        self.rank, self.size, self.noticed = rank, size, False
        self._control, self._urgent, self._wants_checkpoint = control, urgent, False
        self._lost = False
        self._width = 0
        self._bucket: Tensor | None = None

    @property
    def leads(self) -> bool:
        """Whether this process walks the chain."""
        return self.rank == 0

    def send_home(self) -> None:
        """Leader: there will be no more orders. Raises TeamLostError."""
        if self.size > 1:
            self._broadcast(None)

    def told(self) -> Any:
        """Assistant: the leader's next order, waited for; None where there will be none. Raises TeamLostError."""
        told = self._broadcast(None)
        if told is None:
            return None
        order, self._width = told
        self._wants_checkpoint = False
        return order

    @contextlib.contextmanager
    def training(self, order: object, width: int) -> Iterator[None]:
        """Leader: order a phase of a model of `width` parameters, and dismiss everyone at its end, however it comes."""
        if self.size == 1:
            yield
            return
        self._width = width
        self._broadcast((order, width))
        try:
            yield
        finally:
            if not self._lost:
                self._meet(closed=1)

    def ready(self, seen: str = "") -> None:
        """Meet when everything is in memory; `seen` is what was said where it is not.

        Raises StartFailedError in all workers where it is not in one, DismissedError, TeamLostError.
        """
        if self.size > 1:
            said = self._heard(seen, self._meet(failed=int(bool(seen))))
            if said:
                raise StartFailedError(said)

    def start(self, facts: object, tensors: Sequence[Tensor]) -> Any:
        """Give the leader's `facts` and the values of its `tensors` to everyone; returns the facts. Raises TeamLostError."""
        if self.size == 1:
            return facts
        found = self._broadcast(facts)
        with self._losing():
            for tensor in tensors:
                dist.broadcast(tensor.detach(), 0)
        return found

    def agree(self, parameters: Sequence[Tensor], step: int, seen: str, tokens: int) -> Agreed:
        """Meet after the gradients of `step` (from 0) were computed; raises DismissedError and TeamLostError.

        `seen` is what was said where memory ran out, `tokens` are those of this worker's share.
        """
        present = tuple(parameter.grad is not None for parameter in parameters)
        if self.size == 1:
            return Agreed(seen, tokens, present)
        if len(present) != self._width:
            self._lost = True
            raise TeamLostError("the workers' models are not the same")
        found = self._meet(failed=int(bool(seen)), step=step + 1, tokens=tokens, present=present)
        return Agreed(self._heard(seen, found), found[4], tuple(count > 0 for count in found[5:]))

    def add_up(self, parameters: Sequence[Tensor], present: Sequence[bool], total: Tensor) -> Tensor:
        """Add up everyone's gradients, in place, and everyone's `total`, which is returned; raises TeamLostError."""
        if self.size == 1:
            return total
        whole = total.reshape(1)
        with self._losing():
            gradients = [_gradient(parameter) for parameter, there in zip(parameters, present, strict=True) if there]
            for group in _grouped([whole, *gradients]):
                self._add(group)
        return whole[0]

    def check(self, parameters: Sequence[Tensor]) -> None:
        """Raises TeamLostError where the workers' weights are not the same, but for rounding."""
        if self.size == 1:
            return
        with self._losing():
            sums = [parameter.detach().sum(dtype=torch.float64) for parameter in parameters]
            sizes = [torch.linalg.vector_norm(parameter.detach(), 1, dtype=torch.float64) for parameter in parameters]
            high = torch.stack([*sums, *sizes])
            low = high.clone()
            dist.all_reduce(high, dist.ReduceOp.MAX)
            dist.all_reduce(low, dist.ReduceOp.MIN)
            spread, most = high[: len(sums)] - low[: len(sums)], high[len(sums) :]
            if bool((spread > APART * most).any()):
                raise TeamLostError("the weights of its workers have come apart")

    def wait_for_end(self) -> None:
        """Assistant: wait until the leader ends the phase; raises TeamLostError where it goes on instead."""
        with contextlib.suppress(DismissedError):
            self._meet()
            self._lost = True
            raise TeamLostError("an assistant was done before its leader")

    def _meet(
        self, *, closed: int = 0, failed: int = 0, step: int = 0, tokens: int = 0, present: Sequence[bool] = ()
    ) -> list[int]:
        """Add up what everyone says: ends, faults, wishes for a checkpoint, step, tokens, and gradients by parameter."""
        gradients = [int(there) for there in present] or [0] * self._width
        values = torch.tensor([closed, failed, int(self._wants_checkpoint), step, tokens, *gradients], dtype=torch.int64)
        with self._losing():
            dist.all_reduce(values, group=self._control)
        found: list[int] = values.tolist()
        if closed:
            return found
        if found[0]:
            raise DismissedError
        if found[3] != step * self.size:
            self._lost = True
            raise TeamLostError(f"the workers are out of step (at {step})")
        self.noticed = self.noticed or found[2] > 0
        # Asked now and said at the next meeting: when it is asked again, the leader's checkpoint is written.
        self._wants_checkpoint = not self.leads and self._urgent is not None and self._urgent()
        return found

    def _heard(self, seen: str, found: Sequence[int]) -> str:
        """What the first worker without memory has said; empty where none was short of it."""
        if not found[1]:
            return ""
        texts: list[Any] = [None] * self.size
        with self._losing():
            dist.all_gather_object(texts, seen, group=self._control)
        return next(str(text) for text in texts if text)

    def _broadcast(self, value: object) -> Any:
        box = [value]
        with self._losing():
            dist.broadcast_object_list(box, 0, group=self._control)
        return box[0]

    def _add(self, group: list[Tensor]) -> None:
        if len(group) == 1:
            dist.all_reduce(group[0])
            return
        count, device = sum(item.numel() for item in group), group[0].device
        if self._bucket is None or self._bucket.device != device:
            self._bucket = torch.empty(BUCKET, device=device)
        flat = self._bucket[:count]
        torch.cat([item.reshape(-1) for item in group], out=flat)
        dist.all_reduce(flat)
        parts = flat.split([item.numel() for item in group])
        torch._foreach_copy_(group, [part.view(item.shape) for part, item in zip(parts, group, strict=True)])

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        """Whatever fails inside has lost the team: the workers no longer know where the others are."""
        try:
            yield
        except Exception as error:
            self._lost = True
            if isinstance(error, TeamLostError):
                raise
            raise TeamLostError(f"a worker of the team was lost: {str(error).partition(chr(10))[0]}") from error


ALONE = Team()
"""One process that trains by itself."""


def form(urgent: Callable[[], bool] | None = None) -> Team:
    """This process's team: everyone in the default process group. All of them have to call it at the same time."""
    return Team(dist.get_rank(), dist.get_world_size(), dist.new_group(backend="gloo", timeout=LONGEST), urgent)


def _gradient(parameter: Tensor) -> Tensor:
    """A parameter's gradient, in one piece; zeros where this worker's share gave none."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
    elif not parameter.grad.is_contiguous():
        parameter.grad = parameter.grad.contiguous()
    return parameter.grad


def _grouped(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours that go over the network together."""
    group: list[Tensor] = []
    count = 0
    for tensor in tensors:
        if group and count + tensor.numel() > BUCKET:
            yield group
            group, count = [], 0
        group.append(tensor)
        count += tensor.numel()
    yield group
