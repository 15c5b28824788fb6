"""What is known of GPUs: how fast and how large they are, by the names that Ray gives them, and whose memory a trial will see.

Sizes are what a device leaves to programs (`nvidia-smi`, with error correction on), rounded down, in GB of 2^30 bytes. Some
names stand for devices of several sizes: then the smallest is taken, where nobody says more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from training.errors import UserError

GB = 1 << 30
PEAKS: Mapping[str, float] = {
    "V100": 15.7e12,
    "T4": 8.1e12,
    "A10": 31.2e12,
    "A10G": 31.2e12,
    "A100": 19.5e12,
    "L4": 30.3e12,
    "L40S": 91.6e12,
    "H100": 66.9e12,
    "H200": 66.9e12,
}
"""FLOP/s in float32 without tensor cores, from the vendors' data sheets (the A10G has none of its own: the A10's)."""
SIZES: Mapping[str, tuple[float, ...]] = {
    "T4": (14.5,),
    "P100": (11.9, 15.8),
    "V100": (15.7, 31.7),
    "A10": (22.0,),
    "A10G": (22.0,),
    "L4": (22.0,),
    "L40S": (44.4,),
    "A100": (39.3, 79.1),
    "A100-40G": (39.3,),
    "A100-80G": (79.1,),
    "H100": (79.1, 93.0),
    "H20": (95.0,),
    "H200": (139.7,),
    "B200": (178.0,),
}
"""GB that devices of a name may have, from the smallest on."""
ASSUMED = "A100"
"""The GPU whose speed is taken where none is known; its memory never is."""
_TYPE = "accelerator_type:"
_LABEL = "ray.io/accelerator-type"


@dataclass(frozen=True)
class Gpu:
    """The GPU that trials will see: `name` is a key of the tables where it is known, `memory` bytes; None where nobody says.

    `most` are the bytes that the largest device of this name has; they are `memory` where that is known for certain.
    """

    name: str | None = None
    memory: int | None = None
    most: int | None = None

    @property
    def exact(self) -> bool:
        """Whether its memory is known for certain."""
        return self.memory is not None and self.memory == self.most

    @property
    def said(self) -> str:
        """`an H100 of 79.1 GB`, without the words for what is not known."""
        name = self.name or "GPU"
        return f"{_article(name)} {name}" + (f" of {gigabytes(self.memory)}" if self.memory else "")


def _of_table(name: str) -> Gpu:
    sizes = SIZES.get(name)
    return Gpu(name, int(sizes[0] * GB), int(sizes[-1] * GB)) if sizes else Gpu(name)


def _article(name: str) -> str:
    return "an" if name[0] in "AHLM" else "a"


def gigabytes(size: float) -> str:
    """Bytes for a person."""
    return f"{size / GB:.1f} GB"


def trials_a_gpu(gpus: float) -> int:
    """How many trials that hold so much fit one GPU; 1 where they hold one or more, or none."""
    return max(1, int(1 / gpus + 1e-3)) if gpus else 1


def named_gpu(text: str) -> Gpu:
    """`H100`, or `H100:80` with its memory in GB; raises UserError on a GPU that no table has, and on a size that is none."""
    name, colon, size = text.partition(":")
    try:
        memory = float(size) if colon else 1.0
    except ValueError:
        memory = 0.0
    if name not in PEAKS and name not in SIZES:
        known = ", ".join(sorted({*PEAKS, *SIZES}))
        raise UserError("nothing is known of this GPU", text, f"name one of {known}, or measure with --calibrate")
    if not 0 < memory < float("inf"):
        raise UserError("the memory of a GPU must be a number of GB above 0", text, "for example --gpu H100:80")
    return Gpu(name, int(memory * GB), int(memory * GB)) if colon else _of_table(name)


def gpu_here() -> Gpu | None:
    """The GPU of this machine, named as the tables do where they have it; None where there is none."""
    import torch

    if os.environ.get("CUDA_VISIBLE_DEVICES") == "" or not torch.cuda.is_available():
        return None
    seen = torch.cuda.get_device_properties(0)
    words = seen.name.replace("-", " ").split()
    known = [name for name in (*PEAKS, *SIZES) if name in words]
    return Gpu(max(known, key=len) if known else seen.name, int(seen.total_memory), int(seen.total_memory))


def gpus_here() -> tuple[Gpu | None, int]:
    """The GPU of this machine, and how many it has."""
    import torch

    seen = gpu_here()
    return seen, torch.cuda.device_count() if seen else 0


def gpus_of_nodes(nodes: Iterable[Mapping[str, Any]]) -> tuple[Gpu | None, int]:
    """The smallest GPU of the machines that are alive (`ray.nodes()`), since a trial may meet any; and how many there are.

    Its memory is None where the type of one of them is not told, or in no table.
    """
    have = [node for node in nodes if node.get("Alive") and node["Resources"].get("GPU", 0.0) > 0]
    smallest = min((_gpu_of(node) for node in have), key=lambda gpu: gpu.memory or 0, default=None)
    return smallest, int(sum(node["Resources"]["GPU"] for node in have))


def _gpu_of(node: Mapping[str, Any]) -> Gpu:
    types = [name.removeprefix(_TYPE) for name in node["Resources"] if name.startswith(_TYPE)]
    label = node.get("Labels", {}).get(_LABEL)
    names = [label] if label and label not in types else []
    sized = [name for name in (*types, *names) if name in SIZES]
    if sized:  # A100 and A100-80G may stand on one machine: the longer name says more
        return _of_table(max(sized, key=len))
    return Gpu(next(iter((*types, *names)), None))
