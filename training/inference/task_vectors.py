"""Task vectors: what phases changed in the weights of one model, compared.

A task vector is a phase's weights minus those that it began with (Ilharco et al. 2022, arXiv 2212.04089); tuned parameters tell
tasks apart well enough to choose intermediate tasks by them (Zhou et al. 2022, arXiv 2210.11705). Phases keep their weights, so
a comparison costs the reading of two files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from training.errors import PhaseLostError

ENCODER = "backbone."


def task_vector_cosine(base: Mapping[str, Tensor], first: Path, second: Path) -> float:
    """The cosine of two phases' task vectors, from -1 to 1, over the tensors of `base`: of what both phases began with.

    `base` has the encoder's tensors by their names in a phase's file; `first` and `second` are such files. Raises ValueError
    where a phase changed nothing, or has not all of these tensors; PhaseLostError where a file can't be read.
    """
    product, squares, others = 0.0, 0.0, 0.0
    with _opened(first) as one, _opened(second) as other:
        known = set(one.keys()) & set(other.keys())
        for name, begun in base.items():
            if name not in known:
                raise ValueError(f"a phase has no tensor {name}")
            left, right = _change(one.get_tensor(name), begun), _change(other.get_tensor(name), begun)
            product += float(left @ right)
            squares += float(left @ left)
            others += float(right @ right)
    if not squares or not others:
        raise ValueError("a phase changed no weight of the encoder")
    return product / math.sqrt(squares * others)


def _change(after: Tensor, before: Tensor) -> Tensor:
    """[elements]: what was added, in float64 on the CPU: the model that phases began with may be on a GPU."""
    if after.shape != before.shape:
        raise ValueError(f"a phase has a tensor {list(after.shape)} where the model has {list(before.shape)}")
    before = before.to(device="cpu", dtype=torch.float64)
    return (after.to(torch.float64) - before).flatten()


def _opened(file: Path) -> safe_open:
    try:
        return safe_open(str(file), framework="pt")
    except (SafetensorError, OSError) as error:
        raise PhaseLostError(f"the phase {file.parent.name} can't be read", error, "give the same command again") from error
