"""AdamW with the study's settings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from training.identity import PhaseIdentity
from training.learning.schedule import rate_at


def build_optimiser(model: nn.Module, phase: PhaseIdentity) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101), weight decay on matrices only: none on biases and normalisation weights, which are vectors.

    Weights that stand still are none of its: nothing is kept of them, and they do not decay.
    """
    parameters = [item for item in model.parameters() if item.requires_grad]
    groups = [
        {"params": [item for item in parameters if item.ndim > 1], "weight_decay": phase.weight_decay},
        {"params": [item for item in parameters if item.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=phase.lr, eps=phase.adam_eps, fused=True)


def allocate_moments(optimiser: torch.optim.AdamW) -> None:
    """Make the moments that are not there yet, with the values that AdamW itself would give them at a parameter's first step.

    So the memory is taken before the first step, and an update needs no more of it: it can't fail half-way for want of memory.
    """
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if not optimiser.state[parameter]:
                optimiser.state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                }


def decay_left(phase: PhaseIdentity, steps: int, done: int) -> float:
    """What AdamW leaves, as a factor, of a decayed weight without a gradient in the first `done` of a phase's `steps` steps."""
    if phase.weight_decay == 0:
        return 1.0
    return math.prod(1.0 - rate_at(phase, step, steps) * phase.weight_decay for step in range(done))


def clip_gradients(model: nn.Module, words: Tensor, most: float) -> None:
    """Scale the model's gradients so that their norm together is `most` at the most (0: no limit); nothing is waited for.

    Of the word table `words` [rows, width] it is the norm of its rows' norms, in float64: so rows without a gradient make no
    difference, and the steps of a compact vocabulary are those of the whole one.
    """
    if most <= 0:
        return
    others = [item.grad for item in model.parameters() if item.grad is not None and item is not words]
    norms = [get_total_norm(others).double()]
    if words.grad is not None:
        norms.append(torch.linalg.vector_norm(torch.linalg.vector_norm(words.grad, dim=1), dtype=torch.float64))
    clip_grads_with_norm_(model.parameters(), most, torch.linalg.vector_norm(torch.stack(norms)).float())


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
