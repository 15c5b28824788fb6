"""In which precision a forward pass computes; weights, gradients and the optimiser are float32 in any case."""

from __future__ import annotations

import torch

FLOAT32, BFLOAT16 = "float32", "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Computes in the precision while it is entered; raises ValueError on one that is not known."""
    if precision not in PRECISIONS:
        raise ValueError(f"no precision is named {precision!r}")
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == BFLOAT16)
