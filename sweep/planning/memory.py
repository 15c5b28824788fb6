"""How much memory a trial trains in, known before it is started: what can't fit is refused, and small trials can share a GPU.

* State: weights, gradients and AdamW's two moments, 16 bytes a parameter.
* Activations: what a layer keeps of a token for the backward pass, counted from the layer's operations and held by a test that
  counts what torch saves. With rows of the task's full length, so an upper bound; batches are usually shorter.
* The rest: the process, its libraries and, on a GPU, CUDA's context: a stated allowance.

Memory that runs out all the same halves the micro-batch (`training`); only what fits no single example is hopeless.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sweep.planning.architecture import architecture_of
from sweep.planning.plan import Plan, StudySpec, learned_for
from training.errors import UserError
from training.tasks.row import Kind, TaskRow

FLOAT = 4
STATE = 4
"""Numbers a parameter: its weight, gradient and two moments."""
ENDINGS = 5
"""The most endings that an example of multiple choice has in the tasks that there are."""
MASKED = 0.15
LOGITS = 3
"""Numbers a logit: itself, its softmax, its gradient."""
ALLOWANCE = {"cpu": 700 << 20, "cuda": 1_600 << 20}
"""Bytes of a process without its model: Python and libraries; with CUDA its context and the allocator's slack too."""


@dataclass(frozen=True)
class Shape:
    """What of a model's config decides the size of its activations; `dropout` is whether it drops anything at all."""

    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    parameters: int
    dropout: bool

    def layer_numbers(self, length: int, *, fused: bool) -> int:
        """Numbers that a layer keeps of one token in rows of `length`.

        Attention keeps its input, query, key, value, output and a norm a head; the feed-forward its two wide states; both norms
        their input and two moments. With dropout there are masks, and attention that is not `fused` (torch's on the CPU) keeps
        its scores: three numbers a head and position.
        """
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


def shape_of(plan: Plan, model: str) -> Shape:
    """The shape of one of the plan's models; heads of 64 and dropout where its config does not say."""
    resolved = plan.models[model]
    known = architecture_of(plan.grid.models[model], resolved)
    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
    except (OSError, ValueError):
        config = {}
    drops = any(float(config.get(name, 0.1)) > 0 for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"))
    heads = int(config.get("num_attention_heads", max(1, known.width // 64)))
    return Shape(known.layers, known.width, known.inner, heads, known.vocabulary, known.parameters, drops)


def memory_of(plan: Plan, spec: StudySpec, micro_batch: int | None = None) -> Memory:
    """What any trial of a study needs, in bytes; `micro_batch` is in examples (None: the grid's, 0: the whole batch)."""
    shape, device = shape_of(plan, spec.model), plan.grid.resources.device
    size = plan.grid.resources.micro_batch if micro_batch is None else micro_batch
    examples = min(size or plan.grid.training.batch, plan.grid.training.batch)
    activations = (_activations(shape, row, examples, fused=device == "cuda") for row in _learned(plan, spec))
    return Memory(
        state=FLOAT * STATE * shape.parameters,
        activations=max(activations, default=0),
        rest=ALLOWANCE[device],
    )


def check_memory(plan: Plan, available: float, machine: str) -> None:
    """Raises UserError naming the first study that does not fit into `available` bytes even one example at a time.

    `machine` says whose bytes they are: `a GPU of 16 GB, shared by 4 trials`.
    """
    for spec in plan.studies:
        need = memory_of(plan, spec, micro_batch=1)
        if need.total > available:
            raise UserError(
                f"trials of {spec.name} need more memory than there is",
                f"about {_gigabytes(need.total)}, {_gigabytes(need.state)} of it weights, gradients and AdamW's moments; "
                f"there are {_gigabytes(available)} on {machine}",
                "give a trial more of the machine (`resources`), a smaller model, or a smaller max_length",
            )


def _learned(plan: Plan, spec: StudySpec) -> Iterable[TaskRow]:
    """The rows of every task that a chain of the study trains on."""
    pretrain = plan.grid.models[spec.model].pretrain
    names = [*([pretrain.task] if pretrain else []), *spec.intermediate.tasks, *learned_for(plan.sources[spec.group].row)]
    return [plan.sources[name].row for name in dict.fromkeys(names)]


def _activations(shape: Shape, row: TaskRow, examples: int, *, fused: bool) -> int:
    """Bytes of one micro-batch of a task's longest rows."""
    length = row.encoding.max_length
    tokens = examples * length * (ENDINGS if row.kind is Kind.CHOICE else 1)
    kept = tokens * shape.token_numbers(length, fused=fused)
    if row.kind is Kind.MLM:
        kept += int(tokens * MASKED * shape.vocabulary * LOGITS)
    return FLOAT * kept


def _gigabytes(size: float) -> str:
    return f"{size / (1 << 30):.1f} GB"
