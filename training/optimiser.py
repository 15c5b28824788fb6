"""AdamW with the study's settings."""

from __future__ import annotations

import torch
from torch import nn

from training.identity import PhaseIdentity


def build_optimiser(model: nn.Module, phase: PhaseIdentity) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101), weight decay on matrices only: none on biases and normalisation weights, which are vectors."""
    parameters = list(model.parameters())
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


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
