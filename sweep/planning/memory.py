"""How much memory a trial trains in, known before it is started: what can't fit is refused, and small trials can share a GPU.

* State: weights, gradients and AdamW's two moments, 16 bytes a parameter; on the CPU also the copy of weights and moments that
  a checkpoint is written from (a GPU's is in the host's memory). Beneath an adapter weights are held once, and all else is of
  the adapter and the head. Words that do not occur count too, though they take next to nothing where they are not optimised:
  which they are is known once the data are encoded.
* Activations: what is kept of a token for the backward pass. For a model built like BERT in float32 it follows from a layer's
  operations, held by a test that counts what torch saves. For any other, and with an adapter or in bfloat16, torch itself
  counts it (`sweep.planning.counting`), or, without a folder, there is an upper bound. Rows are taken to have the task's full
  length; batches are usually shorter.
* The rest: the process, its libraries and, on a GPU, CUDA's context: a stated allowance.

A phase that ran has left what it took of the device (`training.learning.peaks`): where that is known it stands instead of
state and activations.

Memory that runs out all the same halves the micro-batch (`training`); only what fits no single example is hopeless.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from sweep.planning.architecture import Architecture, architecture_of
from sweep.planning.counting import adapter_parameters, kept
from sweep.planning.gpus import gigabytes
from sweep.planning.plan import Plan
from sweep.planning.studies import StudySpec
from training.identity import Adapter, PhaseIdentity, Role
from training.learning.peaks import CONTEXT, Peaks, peak_subject
from training.learning.precision import FLOAT32
from training.models.family import Family, family_of
from training.tasks.row import Kind, TaskRow

FLOAT = 4
STATE = {"cpu": 7, "cuda": 4}
"""Numbers a parameter: its weight, gradient and two moments; on the CPU the copy of three of them for a checkpoint."""
ENDINGS = 5
"""The most endings that an example of multiple choice has in the tasks that there are."""
LOGITS = 3
"""Numbers a logit: itself, its softmax, its gradient."""
ALLOWANCE = {"cpu": 700 << 20, "cuda": 1_600 << 20}
"""Bytes of a process without its model: Python and libraries; with CUDA its context and the allocator's slack too."""
BESIDES = {"cpu": ALLOWANCE["cpu"], "cuda": CONTEXT}
"""Bytes of a process besides what is measured of a phase."""


@dataclass(frozen=True)
class Shape:
    """What of a model's config decides the size of its activations; `dropout` is whether it drops anything at all.

    `alike` is off where it is not built like BERT; `folder` is where torch can count from, and `causal` says that tokens see
    what is before them alone.
    """

    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    parameters: int
    dropout: bool
    alike: bool = True
    gated: bool = False
    folder: Path | None = None
    causal: bool = False

    def layer_numbers(self, length: int, *, fused: bool) -> int:
        """Numbers that a layer keeps of one token in rows of `length`.

        Attention keeps its input, query, key, value, output and a norm a head; the feed-forward its two wide states; both norms
        their input and two moments. With dropout there are masks, and attention that is not `fused` (torch's on the CPU) keeps
        its scores: three numbers a head and position. Where it is not built like BERT this is an upper bound: normalisation and
        activations that are written out in several operations, and scores that are kept in any case.
        """
        if not self.alike:
            return 20 * self.width + (8 if self.gated else 2) * self.inner + self.heads * (2 * length + 2)
        kept = 9 * self.width + 2 * self.inner + self.heads + 4
        if self.dropout:
            kept += self.width + (0 if fused else 3 * self.heads * length)
        return kept

    def token_numbers(self, length: int, *, fused: bool) -> int:
        """Numbers that the whole encoder keeps of one token."""
        return self.layers * self.layer_numbers(length, fused=fused) + (2 if self.dropout else 1) * self.width + 8


@dataclass(frozen=True)
class Memory:
    """Bytes of a trial: `state` and `rest` are there whatever the batch is, `activations` are those of one micro-batch."""

    state: int
    activations: int
    rest: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.state + self.activations + self.rest


@dataclass(frozen=True)
class Need:
    """Bytes that a trial takes of its device, in its largest phase, and whether that was measured."""

    total: int
    measured: bool

    @property
    def said(self) -> str:
        """`measured 9.1 GB`."""
        return f"{'measured' if self.measured else 'estimated'} {gigabytes(self.total)}"


@dataclass(frozen=True)
class Change:
    """What a trial would be instead: another adapter, precision, model, or no row longer than `longest` tokens."""

    adapter: Adapter | None = None
    precision: str | None = None
    longest: int | None = None
    shape: Shape | None = None


AS_IT_IS = Change()


def shape_of(plan: Plan, model: str) -> Shape:
    """The shape of one of the plan's models; heads of 64 and dropout where its config does not say."""
    resolved = plan.models[model]
    known = architecture_of(plan.grid.models[model], resolved)
    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    drops = any(float(config.get(name, 0.1)) > 0 for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"))
    found = shape_from(known, dropout=drops, heads=int(config.get("num_attention_heads", 0)))
    return replace(found, folder=resolved.folder, causal=family_of(config) is Family.DECODER) if config else found


def shape_from(known: Architecture, *, dropout: bool = True, heads: int = 0) -> Shape:
    """The shape of an architecture."""
    count = heads or known.heads or max(1, known.width // 64)
    sizes = known.layers, known.width, known.inner, count, known.vocabulary, known.parameters
    return Shape(*sizes, dropout, alike=known.alike, gated=known.gated)


def memory_of(plan: Plan, spec: StudySpec, micro_batch: int | None = None, change: Change = AS_IT_IS) -> Memory:
    """What any trial of a study needs, in bytes; `micro_batch` is in examples (None: the grid's, 0: the whole batch)."""
    found = [_memory(plan, spec, phase, micro_batch, change) for phase in phases_of(plan, spec)]
    return max(found, key=lambda memory: memory.total) if found else _memory(plan, spec, None, micro_batch, change)


def need_of(plan: Plan, spec: StudySpec, peaks: Peaks) -> Need:
    """What a trial of a study takes at the micro-batch of the grid: of each phase what was measured, else what is estimated."""
    found = [_need(plan, spec, phase, peaks) for phase in phases_of(plan, spec)]
    return max(found, key=lambda need: need.total) if found else Need(memory_of(plan, spec).total, measured=False)


def phases_of(plan: Plan, spec: StudySpec) -> tuple[PhaseIdentity, ...]:
    """The phases of a study's chains; what is searched has no part in their memory."""
    return plan.chain(spec, {name: 1e-6 if name.endswith("lr") else 1.0 for name in spec.axes}, plan.grid.seeds[0]).phases


def _need(plan: Plan, spec: StudySpec, phase: PhaseIdentity, peaks: Peaks) -> Need:
    runtime, device = plan.runtime_of(spec), plan.grid.resources.device
    subject = peak_subject(phase, [row.kind for row in _rows(plan, phase)], runtime)
    seen = peaks.of(plan.models[spec.model].identity.key, subject, cuda=device == "cuda")
    if seen is None:
        return Need(_memory(plan, spec, phase, None).total, measured=False)
    return Need(seen + BESIDES[device], measured=True)


def _memory(
    plan: Plan, spec: StudySpec, phase: PhaseIdentity | None, micro_batch: int | None, change: Change = AS_IT_IS
) -> Memory:
    """What one phase of a study needs; without a phase, what holding the model does."""
    shape, device = change.shape or shape_of(plan, spec.model), plan.grid.resources.device
    size = plan.grid.resources.micro_batch if micro_batch is None else micro_batch
    if phase is None:
        return Memory(state=FLOAT * STATE[device] * shape.parameters, activations=0, rest=ALLOWANCE[device])
    if phase.role is not Role.PRETRAIN:
        phase = replace(phase, adapter=change.adapter or phase.adapter, precision=change.precision or phase.precision)
    examples, fused = min(size or phase.batch, phase.batch), device == "cuda"
    lengths = [(row, min(row.encoding.max_length, change.longest or row.encoding.max_length)) for row in _rows(plan, phase)]
    activations = max(_activations(shape, phase, row, length, examples, fused=fused) for row, length in lengths)
    numbers = shape.parameters + (STATE[device] - 1) * trained_numbers(shape, phase.adapter)
    return Memory(state=FLOAT * numbers, activations=activations, rest=ALLOWANCE[device])


def trained_numbers(shape: Shape, adapter: Adapter | None) -> int:
    """The numbers that a phase trains: all of a model, or its adapters and a head."""
    if adapter is None:
        return shape.parameters
    found = adapter_parameters(shape.folder, adapter) if shape.folder else None
    if found is None:
        known = Architecture(shape.layers, shape.width, shape.inner, shape.vocabulary, gated=shape.gated)
        found = known.adapter_weights(adapter)
    return found + shape.width**2 + shape.vocabulary


def _rows(plan: Plan, phase: PhaseIdentity) -> list[TaskRow]:
    return [plan.sources[use.task].row for use in phase.tasks]


def _activations(shape: Shape, phase: PhaseIdentity, row: TaskRow, length: int, examples: int, *, fused: bool) -> int:
    """Bytes of one micro-batch of a task's longest rows."""
    rows = examples * (ENDINGS if row.kind is Kind.CHOICE else 1)
    predicted = 1.0 if shape.causal else phase.mask_rate  # of a row's tokens: a decoder predicts each next one
    words = int(rows * length * predicted * shape.vocabulary * LOGITS) if row.kind is Kind.MLM else 0
    plain = shape.alike and phase.adapter is None and phase.precision == FLOAT32
    counted = kept(shape.folder, phase, length, shape.layers) if shape.folder and not plain else None
    if counted is not None:
        return counted.once + rows * counted.row + FLOAT * words
    copies = 0 if phase.precision == FLOAT32 else shape.parameters // 2
    return FLOAT * (rows * length * shape.token_numbers(length, fused=fused) + words + copies)
