"""AdamW with the study's settings, and the learning-rate schedule."""

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


def rate_at(phase: PhaseIdentity, step: int, steps: int) -> float:
    """Learning rate of optimiser step `step` (from 0) of `steps`.

    It rises linearly over the warm-up, without a step of rate 0, and then falls linearly towards 0, or stays (`constant`).
    Raises ValueError on a schedule of another name.
    """
    if phase.schedule not in ("linear", "constant"):
        raise ValueError(f"no schedule is named {phase.schedule!r}")
    warm = round(phase.warmup * steps)
    if step < warm:
        return phase.lr * (step + 1) / (warm + 1)
    if phase.schedule == "constant":
        return phase.lr
    return phase.lr * (steps - step) / max(1, steps - warm)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate
