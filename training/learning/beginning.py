"""What the workers of a team begin a phase with: the same place, the same draws, and the leader's weights and moments."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.draws import Draw
from training.learning.checkpoint import MOMENTS
from training.models.carry import ChainModel


@dataclass(frozen=True)
class Beginning:
    """Where a run begins and ends, in optimiser steps; its micro-batch (0: all); and a checksum of what it is going to draw."""

    step: int
    stop: int
    micro_batch: int
    draws: int


def draws_digest(draws: Sequence[Draw]) -> int:
    """CRC-32 of the units of every step."""
    whole = 0
    for draw in draws:
        for part in draw.parts:
            whole = zlib.crc32(part.units.tobytes(), whole ^ part.source)
    return whole


def shared_tensors(model: ChainModel, optimiser: torch.optim.AdamW) -> list[Tensor]:
    """Weights, buffers and moments, in an order that is the same in every process; the moments have to be there."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    moments = [optimiser.state[parameter][moment] for parameter in parameters for moment in MOMENTS]
    return [*model.state_dict().values(), *moments]
