"""What users would run instead: Hugging Face's Trainer, and a loop that does the same, in its order, without bookkeeping."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.speed.product import RATE, first_batches, phase_of, real_tokens, timed_phase
from benchmarks.speed.rounds import Run, Stopwatch
from benchmarks.speed.texts import Workload
from benchmarks.speed.twin import Collate, Example, collator, examples_of, padded_to, twin_of
from training.data.draws import Draw, TaskUnits
from training.learning.precision import FLOAT32, autocast
from training.models.carry import ChainModel

POOL_BATCHES = 50
"""Batches that Hugging Face's grouping by length sorts together, where the set has four times as many."""


@dataclass(frozen=True, kw_only=True)
class Usual:
    """How the usual training is set up: padding to the maximum or `dynamic`, rows at random or `grouped` by length.

    `micro_batch` rows go through the model at a time (0: all of a batch).
    """

    dynamic: bool = False
    grouped: bool = False
    precision: str = FLOAT32
    micro_batch: int = 0
    fused: bool = True


DEFAULT = Usual()
TUNED = Usual(dynamic=True, grouped=True)


@dataclass
class Baseline:
    """The first `steps` batches that the product sees, from the same weights each time; with `losses`, of a short phase."""

    model: ChainModel
    work: Workload
    batch: int
    steps: int
    device: torch.device
    usual: Usual = DEFAULT
    losses: bool = False
    twin: Any = field(init=False, repr=False)
    start: dict[str, Tensor] = field(init=False, repr=False)
    seen: list[Draw] = field(init=False, repr=False)
    examples: list[Example] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Copy the model, and lay out the rows."""
        row, steps = self.work.row, self.steps
        self.twin = twin_of(self.model, row)
        self.start = copy.deepcopy(self.twin.state_dict())
        if self.usual.grouped:
            self.seen = grouped_batches(self.work, self.batch, steps)
        elif self.losses:
            work = self.work.some(steps * self.batch)
            self.seen = first_batches(work, phase_of(work, self.batch), steps)
        else:
            self.seen = first_batches(self.work, timed_phase(self.work, self.batch, steps), steps)
        self.examples = examples_of(self.work, self.seen)
        if not self.usual.dynamic:
            self.examples = [padded_to(example, self.work.longest) for example in self.examples]

    @property
    def collate(self) -> Collate:
        """How rows become a batch."""
        return collator(self.work.row, self.usual.dynamic)

    @property
    def micro(self) -> int:
        """Rows a forward pass."""
        return self.usual.micro_batch or self.batch

    def begin(self) -> Any:
        """The model with the weights it starts from."""
        self.twin.load_state_dict(self.start)
        return self.twin.to(self.device).train()

    def run(self, watch: Stopwatch, losses: Sequence[Tensor]) -> Run:
        """What the steps after the first took; `losses` are of forward passes."""
        self.twin.to("cpu").zero_grad()
        seen = self.seen[1:]
        passes, each = [float(loss) for loss in losses], self.batch // self.micro
        whole = tuple(sum(passes[at : at + each]) / each for at in range(0, len(passes), each))
        return watch.run(self.steps - 1, sum(draw.size for draw in seen), real_tokens(self.work, seen), whole)


class Loop(Baseline):
    """The loop: for each batch the host's checks, forward, backward, clip, AdamW, scheduler, as the Trainer orders them."""

    def __call__(self) -> Run:
        """One run."""
        watch, model = Stopwatch(self.device), self.begin()
        optimiser = torch.optim.AdamW(decay_groups(model), lr=RATE, fused=self.usual.fused)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
        loader: DataLoader[Example] = DataLoader(
            self.examples,
            batch_size=self.micro,
            collate_fn=self.collate,
            pin_memory=self.device.type == "cuda",
        )
        source, each = iter(loader), self.batch // self.micro
        losses: list[Tensor] = []
        total = torch.zeros((), device=self.device)
        for _ in range(self.steps):
            batches = [next(source) for _ in range(each)]
            for inputs in batches:
                loss = self._forward_and_backward(model, inputs, each)
                if torch.isnan(loss) or torch.isinf(loss):
                    raise ArithmeticError("the loss is not finite")
                total += loss
                losses.append(loss * each)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            scheduler.step()
            model.zero_grad()
            watch.mark_ends(self.steps)
        return self.run(watch, losses)

    def _forward_and_backward(self, model: Any, inputs: dict[str, Tensor], each: int) -> Tensor:
        moved = {name: value.to(self.device) for name, value in inputs.items()}
        with autocast(self.device, self.usual.precision):
            loss: Tensor = model(**moved)["loss"]
        loss = loss / each
        torch.autograd.backward(loss)
        return loss.detach()


class HuggingFace(Baseline):
    """The real Trainer; needs `accelerate`."""

    def __call__(self) -> Run:
        """One run."""
        from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
        from transformers.utils.logging import disable_progress_bar, set_verbosity_error

        disable_progress_bar()
        set_verbosity_error()
        watch, model = Stopwatch(self.device), self.begin()
        losses: list[Tensor] = []

        class Watched(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch.mark_ends(state.max_steps)

        class Noting(Trainer):
            def training_step(self, *arguments: Any, **more: Any) -> Any:
                loss = super().training_step(*arguments, **more)
                losses.append(loss)
                return loss

        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=self.micro,
                gradient_accumulation_steps=self.batch // self.micro,
                max_steps=self.steps,
                learning_rate=RATE,
                weight_decay=0.01,
                lr_scheduler_type="constant",
                train_sampling_strategy="sequential",
                bf16=self.usual.precision != FLOAT32,
                optim="adamw_torch_fused" if self.usual.fused else "adamw_torch",
                use_cpu=self.device.type == "cpu",
                disable_tqdm=True,
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                remove_unused_columns=False,
            )
            kind = Noting if self.losses else Trainer
            trainer = kind(
                model=model,
                args=arguments,
                train_dataset=self.examples,
                data_collator=self.collate,
                callbacks=[Watched()],
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        return self.run(watch, losses)


def decay_groups(model: Any) -> list[dict[str, Any]]:
    """Weight decay 0.01 on matrices, none on biases and normalisation, as the Trainer (and the product) have it."""
    parameters = list(model.parameters())
    return [
        {"params": [item for item in parameters if item.ndim > 1], "weight_decay": 0.01},
        {"params": [item for item in parameters if item.ndim <= 1], "weight_decay": 0.0},
    ]


def grouped_batches(work: Workload, batch: int, steps: int) -> list[Draw]:
    """Batches as the Trainer's grouping by length cuts them, some of every length.

    Rows of fifty batches are sorted together, longest first. The Trainer itself would begin with the longest of one such pool,
    so batches are taken from it evenly.
    """
    pool = torch.randperm(len(work.encoded), generator=torch.Generator().manual_seed(0)).numpy()[: POOL_BATCHES * batch]
    order = pool[(-work.lengths[pool]).argsort(kind="stable")]
    batches = [order[at : at + batch] for at in range(0, len(order) - batch + 1, batch)]
    chosen = [batches[int((place + 0.5) * len(batches) / steps)] for place in range(steps)]
    middle = len(chosen) // 2
    chosen = [chosen[middle], *chosen[:middle], *chosen[middle + 1 :]]  # the first step is not timed
    return [Draw((TaskUnits(0, units),)) for units in chosen]
