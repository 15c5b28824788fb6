"""Where the time of a step goes, by what torch was asked for: the profile that says why a ratio is what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.speed.rounds import Arm
from benchmarks.speed.table import Table

PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("attention", ("attention", "attn", "softmax")),
    ("matrix products", ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::matmul")),
    ("AdamW", ("adamw",)),
    ("norm and clip", ("linalg_vector_norm", "_foreach", "clip_grad")),
    ("filling new memory", ("aten::fill_", "aten::zero_")),
    ("embeddings", ("embedding", "aten::index", "index_put", "index_add", "scatter", "gather")),
    ("dropout", ("bernoulli", "dropout")),
    ("activation and layer norm", ("gelu", "layer_norm", "tanh")),
    ("copies and casts", ("aten::copy_", "aten::cat", "Memcpy", "aten::_to_copy")),
)
REST = "the rest"


def profiled(title: str, arms: Mapping[str, Arm], device: torch.device) -> Table:
    """Milliseconds a step of each arm (one run, its first step and what comes before it too), by part and in all."""
    shares = {name: _parts(arm, device) for name, arm in arms.items()}
    rows = [(part, *(found[part] for found in shares.values())) for part in (*(name for name, _ in PARTS), REST)]
    rows.append(("in all", *(sum(found.values()) for found in shares.values())))
    kind = "time of kernels" if device.type == "cuda" else "wall time in operations"
    note = f"From torch's profiler: {kind}, start of the run included."
    return Table(title=title, columns=("part", *(f"{name}, ms a step" for name in arms)), rows=rows, note=note)


def _parts(arm: Arm, device: torch.device) -> dict[str, float]:
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities, acc_events=True) as watched:
        run = arm()
    found: dict[str, float] = defaultdict(float, {name: 0.0 for name, _ in PARTS})
    for event in watched.key_averages():
        spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        found[part_of(event.key)] += spent / 1000 / (run.steps + 1)
    return found


def part_of(operation: str) -> str:
    """Which part of a step an operation belongs to."""
    for part, names in PARTS:
        if any(name == operation or ("::" not in name and name in operation) for name in names):
            return part
    return REST
