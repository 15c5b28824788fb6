"""AdamW with the study's settings, and the learning-rate schedule."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from training.identity import PhaseIdentity


def build_optimiser(model: nn.Module, phase: PhaseIdentity) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101), weight decay on matrices only: none on biases and normalisation weights."""
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        (plain if name.endswith("bias") or "norm" in name.lower() else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": phase.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=phase.lr, eps=phase.adam_eps, fused=True)


def rate_at(phase: PhaseIdentity, step: int, steps: int) -> float:
    """Learning rate of optimiser step `step` (from 0) of `steps`: linear warm-up, then linear to zero; or constant after warm-up."""
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


def finite(losses: Iterable[float]) -> bool:
    """Whether all losses are finite numbers."""
    return all(value == value and abs(value) != float("inf") for value in losses)
