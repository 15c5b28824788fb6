"""What bears identity: the values that decide a phase's weights, and nothing else.

* `phase key = digest(parent key, phase identity)`; the parent of a chain's first phase is the digest of the pretrained model.
* Where and how a phase ran (device, threads, micro-batch, paths, tracker, retries) is a `Runtime`, and never enters a key.
* The same key means the same weights, up to numerical noise and, where a model has dropout, the dropout draws of another device
  or micro-batch; so a phase that is found in the store is never trained again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, lru_cache

from training.files.codec import canonical, digest, digest_of
from training.files.writing import LATE, text_of, text_without

NUMERICS_VERSION = 2
"""Raised when a change of code changes the weights that the same identity leads to."""


WSD = "wsd"
"""The schedule of warm-up, stable and decay (arXiv 2404.06395)."""


class Role(StrEnum):
    """The place of a phase in its chain."""

    PRETRAIN = "pretrain"
    INTERMEDIATE = "intermediate"
    TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """The pretrained model a chain starts from.

    `weights` is a digest of its safetensors files, or "random" for a model that the chain pretrains itself from `seed`.
    """

    name: str
    config: str
    tokenizer: str
    weights: str
    seed: int = 0

    @cached_property
    def key(self) -> str:
        """Digest of everything but the name, which is only what the user calls it."""
        return digest({"config": self.config, "tokenizer": self.tokenizer, "weights": self.weights, "seed": self.seed})


@dataclass(frozen=True, kw_only=True)
class TaskUse:
    """One task of a phase: the row's version, a digest of its training data, and how it is encoded (lengths in tokens).

    `languages` are those of the training data; a target phase has English alone, or the chain is not zero-shot. `examples` is
    how many of the training examples are learned (0: all), the first so many of `training.data.subset`'s order.
    """

    task: str
    version: int
    head: str
    data: str
    max_length: int
    stride: int
    languages: tuple[str, ...] = ("en",)
    examples: int = field(default=0, metadata=LATE)


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """How a phase of several tasks (or of one task in several languages) draws and weighs its examples.

    With r = min(size, `cap`) (0: no cap), a task's share of an epoch is proportional to r (`proportional`: each example once),
    r^(1/`temperature`) (`temperature`), or its entry of `weights` (`weights`, in the order of the tasks). A task's languages
    share its draws in proportion to size^`alpha`. A batch holds one task (`homogeneous`) or all of them in their shares
    (`mixed`). `loss_scaling` divides a task's loss by log(number of classes) (`log_classes`, Muppet, arXiv 2101.11038).
    """

    kind: str = "proportional"
    cap: int = 131_072
    temperature: float = 1.0
    weights: tuple[float, ...] = ()
    alpha: float = 1.0
    batches: str = "homogeneous"
    loss_scaling: str = "none"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What a phase trains in place of the encoder's own weights, and merges into them at its end.

    `lora` (arXiv 2106.09685) adds `alpha` / `rank` times a product of two matrices of `rank` to the linear layers of attention
    (`targets` attention), or to every linear layer (all_linear); `dropout` is that of their input.
    """

    kind: str = "lora"
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: str = "attention"


@dataclass(frozen=True, kw_only=True)
class PhaseIdentity:
    """One training run: everything that its weights depend on besides its parent's weights.

    `epochs` counts passes over the (mixed) training set, `batch` examples an optimiser step, `warmup` a fraction of all steps.
    `schedule` wsd warms up over `warmup` of one epoch, stays, and falls over the last `decay` of all steps, so that phases
    which differ in epochs alone share their trunk; the other schedules warm up over `warmup` of all steps, without `decay`.
    `mask_rate` is the share of tokens that masked language modelling predicts. `length_pool` batches are cut together from
    examples sorted by length (0: batches are drawn at random). `attention_dropout` is the dropout of attention weights,
    whatever the model's configuration says; `precision` is that of the forward and backward passes. With an `adapter` the
    encoder's own weights stand still, and heads are trained as ever.
    """

    role: Role
    tasks: tuple[TaskUse, ...]
    lr: float
    epochs: int
    batch: int
    seed: int
    schedule: str = "linear"
    warmup: float = 0.1
    decay: float = 0.2
    weight_decay: float = 0.01
    adam_eps: float = 1e-8
    clip: float = 1.0
    carry_heads: bool = True
    mask_rate: float = 0.15
    length_pool: int = 0
    attention_dropout: float = 0.0
    precision: str = "float32"
    mixing: Mixing = field(default_factory=Mixing)
    adapter: Adapter | None = field(default=None, metadata=LATE)
    numerics: int = NUMERICS_VERSION

    @property
    def name(self) -> str:
        """Readable part of the phase's folder: `mnli-lr1e-05-ep2-s1`, `mnli-lora8-lr1e-04-ep2-s1`."""
        tasks = "+".join(use.task for use in self.tasks)
        adapter = f"-{self.adapter.kind}{self.adapter.rank}" if self.adapter else ""
        return f"{tasks}{adapter}-lr{self.lr:.3g}-ep{self.epochs}-s{self.seed}"


@lru_cache(maxsize=4096)
def phase_key(parent: str, phase: PhaseIdentity) -> str:
    """Key of a phase that starts from the weights named `parent` (a phase key or a model key)."""
    return _key(parent, "phase", phase)


def trunk_key(parent: str, phase: PhaseIdentity) -> str:
    """Key of the trunk (warm-up and stable part) that wsd phases share when they differ in epochs alone."""
    return _key(parent, "trunk", replace(phase, epochs=0))


def _key(parent: str, what: str, phase: PhaseIdentity) -> str:
    """Digest of a phase's fields that decide its weights: `decay` does so only where the schedule has one."""
    fields = text_without(phase, () if phase.schedule == WSD else ("decay",))
    return digest_of(f'{{"parent":{text_of(parent)},"{what}":{fields}}}'.encode())


@dataclass(frozen=True, kw_only=True)
class EvaluationIdentity:
    """What is measured of the final weights on one target: the data, and for retrieval the layer and pooling."""

    task: str
    version: int
    split: str
    languages: tuple[str, ...]
    data: str
    max_length: int
    stride: int
    layer: int | None = None
    pooling: str | None = None


@lru_cache(maxsize=1024)
def _measured(selection: tuple[EvaluationIdentity, ...], evaluations: tuple[EvaluationIdentity, ...]) -> bytes:
    """The canonical form of what a chain is measured on, open at its end: the same for all trials of a study."""
    return canonical({"evaluations": evaluations, "selection": selection})[:-1]


@dataclass(frozen=True, kw_only=True)
class ChainIdentity:
    """A chain: a model, its phases in order, what it is chosen by and what it is evaluated on.

    `selection` is measured on English dev data only (the mean, where there are several). It is empty where a chain has nothing
    to choose by (retrieval straight from the pretrained model).
    """

    model: ModelIdentity
    phases: tuple[PhaseIdentity, ...]
    selection: tuple[EvaluationIdentity, ...]
    evaluations: tuple[EvaluationIdentity, ...]

    @cached_property
    def phase_keys(self) -> tuple[str, ...]:
        """Keys of the phases, first to last."""
        keys: list[str] = []
        for phase in self.phases:
            keys.append(phase_key(keys[-1] if keys else self.model.key, phase))
        return tuple(keys)

    @property
    def weights_key(self) -> str:
        """Key of the weights that are evaluated."""
        return self.phase_keys[-1] if self.phases else self.model.key

    @property
    def key(self) -> str:
        """Digest that names the chain and its results."""
        return digest_of(_measured(self.selection, self.evaluations) + b',"weights":"%b"}' % self.weights_key.encode())


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how a phase runs; never part of an identity.

    `micro_batch` is the most examples a forward pass (0: the whole batch); `checkpoint_seconds` the time between two in-phase
    checkpoints; `threads` the CPU threads of a training process (0: torch's own choice); `evaluation_tokens` the most tokens of
    an evaluation batch. `packed` is off where every encoder is to be given padded batches, `compact` where the whole word table
    is to be optimised: both give the same up to rounding. `graphs` is on where CUDA graphs are wanted (`models.graphs`).
    `share` is that of its GPU's memory which the process may take.
    `workers` processes train a phase together (`training.teams`), each with a device, threads and micro-batches of its own.
    """

    device: str = "cpu"
    threads: int = 1
    micro_batch: int = 0
    checkpoint_seconds: float = 60.0
    evaluation_tokens: int = 8192
    packed: bool = True
    compact: bool = True
    graphs: bool = False
    share: float = 1.0
    workers: int = 1
