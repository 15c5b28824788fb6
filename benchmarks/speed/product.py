"""The system's own arm: `train_phase`, as every chain runs it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.rounds import Run, Stopwatch
from benchmarks.speed.shapes import Shape, vocabulary
from benchmarks.speed.texts import Workload
from training.data.draws import Draw
from training.identity import PhaseIdentity, Role, Runtime, TaskUse
from training.learning.precision import FLOAT32
from training.learning.schedule import CURVE_POINTS, curve_every
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.phase import all_draws, train_phase

RATE = 1e-5


def phase_of(work: Workload, batch: int, epochs: int = 1, precision: str = FLOAT32) -> PhaseIdentity:
    """A phase on a workload, at a learning rate that stays as it is."""
    row = work.row
    use = TaskUse(
        task=row.name,
        version=row.version,
        head=head_name(row),
        data="benchmark",
        max_length=row.encoding.max_length,
        stride=row.encoding.stride,
    )
    return PhaseIdentity(
        role=Role.TARGET,
        tasks=(use,),
        lr=RATE,
        epochs=epochs,
        batch=batch,
        seed=0,
        schedule="constant",
        warmup=0.0,
        precision=precision,
    )


def timed_phase(work: Workload, batch: int, steps: int, precision: str = FLOAT32) -> PhaseIdentity:
    """A phase so long that its first `steps` steps lie before the first point of its loss curve, as a real one's do."""
    return long_phase(work, batch, steps + 1, precision)


def long_phase(work: Workload, batch: int, every: int, precision: str = FLOAT32) -> PhaseIdentity:
    """A phase so long that between two points of its loss curve there are `every` steps, or a few more."""
    epoch = len(work.encoded) // batch
    return phase_of(work, batch, -(-every * CURVE_POINTS // epoch), precision)


def first_batches(work: Workload, phase: PhaseIdentity, steps: int) -> list[Draw]:
    """What the first steps of a phase see."""
    return all_draws(phase, [work.encoded])[:steps]


@dataclass
class Product:
    """The first `steps` steps of a long phase, from the same weights each time; with `losses`, a whole phase of `steps` steps.

    Timed are those after the first `ahead`, or a few more: what is recorded has to be there by then. The model is left with the
    weights that it had. `work` holds a whole number of batches.
    """

    model: ChainModel
    shape: Shape
    work: Workload
    batch: int
    steps: int
    runtime: Runtime
    precision: str = FLOAT32
    losses: bool = False
    ahead: int = 1
    start: dict[str, Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the weights to begin with."""
        self.start = copy.deepcopy({name: value.cpu() for name, value in self.model.state_dict().items()})

    def __call__(self) -> Run:
        """One run."""
        device = torch.device(self.runtime.device)
        work = self.work.some(self.steps * self.batch) if self.losses else self.work
        if self.losses:
            phase = phase_of(work, self.batch, precision=self.precision)
        elif self.ahead > 1:
            phase = long_phase(work, self.batch, self.ahead, self.precision)
        else:
            phase = timed_phase(work, self.batch, self.steps, self.precision)
        total = len(all_draws(phase, [work.encoded]))
        ahead = curve_every(phase, total) if self.ahead > 1 else 1
        stop = ahead + self.steps - 1
        watch = Stopwatch(device)
        trained = train_phase(
            self.model,
            phase,
            [work.encoded],
            vocabulary(self.model, self.shape),
            self.runtime,
            until=stop / total,
            progress=lambda step, of, loss: watch.mark() if step >= ahead else None,
        )
        self.model.to("cpu").zero_grad()
        self.model.load_state_dict(self.start)
        seen = first_batches(work, phase, stop)[ahead:]
        rows = sum(draw.size for draw in seen)
        return watch.run(self.steps - 1, rows, real_tokens(work, seen), tuple(loss for _, loss in trained.curve))


def real_tokens(work: Workload, draws: list[Draw]) -> int:
    """Tokens of the rows that some steps see."""
    units = [part.units for draw in draws for part in draw.parts]
    return int(work.lengths[np.concatenate(units)].sum())
