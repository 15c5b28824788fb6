"""LoRA against training everything: seconds a step and bytes of state, both arms in one process, their steps in turn.

    python -m benchmarks.lora

A made-up encoder with random weights on made-up text of 64 tokens a row. State is counted: weights, gradients, AdamW's moments.
What is kept for the backward pass is counted as torch saves it.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from training.data.draws import Draw
from training.data.features import Encoded, Feature
from training.data.packs import Vocabulary
from training.identity import Adapter, PhaseIdentity, Role, Runtime, TaskUse
from training.learning.fitting import Fit
from training.learning.optimiser import allocate_moments
from training.learning.steps import Steps
from training.models.adapters import adapted
from training.models.carry import ChainModel
from training.models.heads import build_head, head_name
from training.phase import all_draws, on_device, word_table
from training.tasks.nli_rows import SNLI

LAYERS, WIDTH, WORDS, LENGTH, BATCH, USED = 4, 256, 32_000, 64, 16, 4_000
ROUNDS, WARM = 12, 2
ARMS = {
    "everything": None,
    "LoRA, attention, rank 8": Adapter(),
    "LoRA, all_linear, rank 8": Adapter(targets="all_linear"),
}


@dataclass
class Arm:
    """One way of training, with its model in memory."""

    steps: Steps
    draws: list[Draw]
    aside: int
    opened: ExitStack

    def step(self, number: int) -> float:
        """Do one optimiser step; returns its seconds."""
        begun = time.perf_counter()
        self.steps.step(self.draws[number], number, 1e-4)
        return time.perf_counter() - begun

    def state(self) -> int:
        """Bytes of weights, gradients and moments, and of the word table that waits while some of its rows are trained."""
        weights = sum(item.numel() for item in self.steps.model.parameters())
        trained = sum(item.numel() for item in self.steps.model.parameters() if item.requires_grad)
        return 4 * (weights + 3 * trained + self.aside)


def arm(adapter: Adapter | None) -> Arm:
    """A way of training, ready for its first step."""
    torch.manual_seed(0)
    shape = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "intermediate_size": 4 * WIDTH}
    drops = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = XLMRobertaConfig(vocab_size=WORDS, max_position_embeddings=LENGTH + 2, type_vocab_size=1, **shape, **drops)
    head = build_head(SNLI, WIDTH, WORDS, 0.0)
    model = ChainModel(XLMRobertaModel(config, add_pooling_layer=False), {head_name(SNLI): head})
    use = TaskUse(task="snli", version=1, head=head_name(SNLI), data="", max_length=LENGTH, stride=0)
    phase = PhaseIdentity(role=Role.TARGET, tasks=(use,), lr=1e-4, epochs=1, batch=BATCH, seed=1, adapter=adapter)
    data, vocabulary = [made_up()], Vocabulary(pad=1, mask=4, size=WORDS, types=False)
    opened, draws = ExitStack(), all_draws(phase, data)
    opened.enter_context(adapted(model, phase))
    words = word_table(model, phase, data, vocabulary, len(draws), compact=True)
    opened.enter_context(words.compact())
    aside = WORDS * WIDTH if 0 < words.rows < WORDS else 0
    optimiser = on_device(model, phase, Runtime())
    allocate_moments(optimiser)
    fit = Fit(0, "", "examples", None, "")
    return Arm(Steps(model, phase, data, vocabulary, fit, torch.device("cpu"), optimiser), draws, aside, opened)


def made_up() -> Encoded:
    """Rows of random words."""
    dice = np.random.default_rng(0)
    rows = [dice.integers(5, USED, LENGTH).astype(np.int32) for _ in range(BATCH * (ROUNDS + WARM))]
    features = [Feature(ids, np.zeros_like(ids), number, label=number % 3) for number, ids in enumerate(rows)]
    return Encoded(row=SNLI, examples=(), features=features)


def kept(found: Arm) -> int:
    """Bytes that a step keeps for its backward pass, besides weights."""
    own = {item.untyped_storage().data_ptr() for item in found.steps.model.parameters()}
    seen: dict[int, torch.Tensor] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            seen[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        found.step(0)
    return sum(tensor.untyped_storage().nbytes() for tensor in seen.values())


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    arms = {name: arm(adapter) for name, adapter in ARMS.items()}
    times: dict[str, list[float]] = {name: [] for name in arms}
    memory = {name: (found.state(), kept(found)) for name, found in arms.items()}
    for number in range(ROUNDS + WARM):
        for name, found in arms.items():
            seconds = found.step(number)
            if number >= WARM:
                times[name].append(seconds)
    print("| training | ms a step (median) | least | state, MB | kept for backward, MB |\n|---|---:|---:|---:|---:|")
    for name, seen in times.items():
        state, saved = (size / 1e6 for size in memory[name])
        print(f"| {name} | {1e3 * statistics.median(seen):.0f} | {1e3 * min(seen):.0f} | {state:.1f} | {saved:.1f} |")
    whole = next(iter(times))
    for name in list(times)[1:]:
        speed = statistics.median(a / b for a, b in zip(times[whole], times[name], strict=True))
        least, state = min(times[whole]) / min(times[name]), memory[whole][0] / memory[name][0]
        print(f"\n{name}: {speed:.2f} times the speed (of the least times {least:.2f}), state 1/{state:.1f}", end="")
    print()
    for found in arms.values():
        found.opened.close()


if __name__ == "__main__":
    main()
