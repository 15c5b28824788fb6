"""Row 4: the share of the device's arithmetic that training uses, of what a matrix product reaches in the same minutes.

FLOPs are those of the model for real tokens: six a parameter of the layers and token, and attention's; neither padding nor
anything that is computed twice counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu.scale import Scale
from benchmarks.gpu.training import with_graphs
from benchmarks.speed.product import Product, first_batches, real_tokens, timed_phase
from benchmarks.speed.profile import profiled
from benchmarks.speed.rounds import Arm, Run, Series, Stopwatch, take_turns
from benchmarks.speed.shapes import Shape, chain_model
from benchmarks.speed.table import Ratio, Table
from benchmarks.speed.texts import Workload, workload
from benchmarks.speed.training import DROPOUT
from training.learning.precision import BFLOAT16

AIMS = {"large": 55.0, "small": 33.0}
REPEATS = 50


def model_flops(shape: Shape, lengths: np.ndarray) -> float:
    """Of a training step over rows of these lengths: forward, and twice as much backward."""
    matrices = 12 * shape.layers * shape.width**2
    attention = 4 * shape.layers * shape.width * float((lengths.astype(np.float64) ** 2).sum())
    return 3 * (2 * matrices * float(lengths.sum()) + attention)


def matrix_product(scale: Scale) -> Run:
    """Products of two square matrices in bf16; its `tokens` are FLOPs."""
    side = scale.matrix
    one, other = (torch.randn(side, side, device=scale.device, dtype=torch.bfloat16) for _ in range(2))
    repeats = REPEATS if scale.on_gpu else 3
    watch = Stopwatch(scale.device)
    for _ in range(3):
        one @ other
    watch.mark()
    for _ in range(repeats):
        one @ other
    watch.mark()
    return watch.run(repeats, repeats, 2 * side**3 * repeats)


def utilisation(scale: Scale, data: Path | None) -> list[Ratio | Table]:
    """Row 4 on NLI: a large step, and one at batch 32."""
    shape = scale.shape
    mean = workload("nli", shape, 512, data).lengths.mean()
    batches = {"large": -(-int(scale.tokens * 1.02) // int(mean)), "small": scale.batch}
    work = {name: workload("nli", shape, 3 * batch, data) for name, batch in batches.items()}
    model = chain_model(shape, work["small"].row, DROPOUT)
    arms: dict[str, Arm] = {"matrix product": lambda: matrix_product(scale)}
    for name, batch in batches.items():
        arms[name] = Product(model, shape, work[name], batch, scale.steps, scale.runtime, BFLOAT16)
    if scale.on_gpu:
        batches["small, CUDA graphs"], work["small, CUDA graphs"] = scale.batch, work["small"]
        arms["small, CUDA graphs"] = with_graphs(scale, work["small"], model)
    found = take_turns(arms, scale.rounds, scale.warm)
    most = found["matrix product"].tokens_a_second
    lines: list[Ratio | Table] = []
    rows: list[tuple[object, ...]] = [("matrix product of bf16", scale.matrix, None, most / 1e12, 100.0, None)]
    for name, batch in batches.items():
        ratio, row = _share(name, batch, work[name], scale, found[name], most)
        lines.append(ratio)
        rows.append(row)
    columns = ("arm", "rows a step", "ms a step", "TFLOP/s", "% of the matrix product", "peak memory, GiB")
    title = f"Utilisation ({shape.name}, bf16)"
    some = {f"{batches[name]:,} rows": arms[name] for name in batches}
    return [
        *lines,
        Table(title=title, columns=columns, rows=rows, note=work["small"].described()),
        profiled("Where the time of the kernels goes", some, scale.device),
    ]


def _share(
    name: str, batch: int, work: Workload, scale: Scale, series: Series, most: float
) -> tuple[Ratio, tuple[object, ...]]:
    """A line of each table; `most` is in FLOP/s."""
    seen = first_batches(work, timed_phase(work, batch, scale.steps, BFLOAT16), scale.steps)[1:]
    lengths = np.concatenate([work.lengths[part.units] for draw in seen for part in draw.parts])
    flops = model_flops(scale.shape, lengths) / lengths.sum()
    shares = sorted(flops * run.tokens / run.seconds / most * 100 for run in series.runs)
    median = shares[len(shares) // 2]
    tokens = real_tokens(work, seen) // len(seen)
    way = ", CUDA graphs" if name.endswith("graphs") else ""
    title = f"model FLOPs ÷ matrix product, {tokens:,} real tokens a step{way}"
    ratio = Ratio(number=4, name=title, value=median, best=shares[-1], aim=AIMS[name.partition(",")[0]], unit="%")
    return ratio, (
        f"training, {tokens:,} tokens{way}",
        batch,
        1000 * series.step,
        median / 100 * most / 1e12,
        median,
        series.memory / 2**30,
    )
