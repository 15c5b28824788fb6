"""In-phase checkpoints: weights, AdamW's moments and the step, in safetensors, so that a killed phase goes on where it was.

Random numbers need no saving: the batches of an epoch and the masks of a step are functions of (seed, epoch, step). The same phase
with and without an interruption gives the same weights, bit for bit on one CPU thread.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from training.models.carry import ChainModel
from training.storage import write_atomically


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a phase has come: `step` optimiser steps done, `tokens` real tokens seen, training `seconds`, and its loss curve."""

    step: int
    tokens: int
    seconds: float
    curve: tuple[tuple[int, float], ...]


def save_checkpoint(path: Path, model: ChainModel, optimiser: torch.optim.AdamW, position: Position) -> None:
    """Write a checkpoint atomically; raises StoreError (StorageFullError on a full disk)."""
    tensors = {f"model.{name}": value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        state = optimiser.state.get(parameter, {})
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            if moment in state:
                tensors[f"adam.{moment}.{name}"] = state[moment].detach().cpu().contiguous()
    note = {"step": position.step, "tokens": position.tokens, "seconds": position.seconds, "curve": position.curve}
    write_atomically(path, save(tensors, metadata={"position": json.dumps(note)}))


def load_checkpoint(path: Path, model: ChainModel, optimiser: torch.optim.AdamW) -> Position | None:
    """Restore a checkpoint into model and optimiser; None when there is none, or it does not fit and is set aside."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), "pt") as stream:
            note = json.loads((stream.metadata() or {})["position"])
        tensors = load_file(str(path))
        model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError):
        path.replace(path.with_suffix(".damaged"))
        return None
    for name, parameter in model.named_parameters():
        found = {
            moment: tensors[f"adam.{moment}.{name}"]
            for moment in ("exp_avg", "exp_avg_sq", "step")
            if f"adam.{moment}.{name}" in tensors
        }
        if found:
            device = parameter.device
            optimiser.state[parameter] = {moment: value.to(device) for moment, value in found.items()}
    curve = tuple((int(step), float(loss)) for step, loss in note["curve"])
    return Position(step=int(note["step"]), tokens=int(note["tokens"]), seconds=float(note["seconds"]), curve=curve)
