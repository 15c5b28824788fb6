"""Row 3: a step at batch 32 against the usual training, at several precisions and micro-batches, with memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.scale import Scale
from benchmarks.speed.product import Product
from benchmarks.speed.profile import profiled
from benchmarks.speed.rounds import Arm, Series, ratios, take_turns
from benchmarks.speed.shapes import chain_model
from benchmarks.speed.table import Ratio, Table
from benchmarks.speed.texts import Workload, workload
from benchmarks.speed.training import DROPOUT, with_trainer
from benchmarks.speed.usual import Baseline, HuggingFace, Loop, Usual
from training.learning.precision import BFLOAT16, FLOAT32
from training.models.carry import ChainModel

OURS, GRAPHS, OURS_FP32 = "ours, bf16", "ours, bf16, CUDA graphs", "ours, fp32"
RECORDED = 48
"""Steps after which the buckets of tokens that come often have been recorded."""
COMPARED: tuple[tuple[str, str, str, float | None], ...] = (
    ("bf16", OURS, "padded, bf16", 3.0),
    ("bf16 (ours with CUDA graphs)", GRAPHS, "padded, bf16", 3.0),
    ("bf16, its best tuning", OURS, "grouped, bf16", None),
    ("fp32 (ours in bf16)", OURS, "padded, fp32", 15.0),
    ("fp32 (ours too)", OURS_FP32, "padded, fp32", None),
    ("micro-batches, fp32 (ours in bf16)", OURS, "micro-batches, fp32", 15.0),
    ("micro-batches, bf16", OURS, "micro-batches, bf16", None),
)


def usual_arms(scale: Scale) -> dict[str, Usual]:
    """The ways to train that are compared with."""
    padded = Usual(precision=BFLOAT16)
    micro = scale.micro_batch
    return {
        "padded, bf16": padded,
        "grouped, bf16": replace(padded, dynamic=True, grouped=True),
        "padded, fp32": Usual(),
        "micro-batches, fp32": Usual(micro_batch=micro),
        "micro-batches, bf16": replace(padded, micro_batch=micro),
    }


def at_batch(scale: Scale, data: Path | None) -> list[Ratio | Table]:
    """Row 3 on NLI."""
    batch, shape = scale.batch, scale.shape
    work = workload("nli", shape, 50 * batch, data)
    model = chain_model(shape, work.row, DROPOUT)
    kind: type[Loop] | type[HuggingFace] = HuggingFace if with_trainer() else Loop
    arms: dict[str, Arm] = {
        name: Product(model, shape, work, batch, scale.steps, scale.runtime, precision)
        for name, precision in ((OURS, BFLOAT16), (OURS_FP32, FLOAT32))
    }
    if scale.on_gpu:
        arms[GRAPHS] = with_graphs(scale, work, model)
    for name, usual in usual_arms(scale).items():
        arms[name] = kind(model, work, batch, scale.steps, scale.device, usual)
    found = take_turns(arms, scale.rounds, scale.warm)
    gap = loss_gap(scale, work, kind)
    other = "Trainer" if kind is HuggingFace else "loop that does what the Trainer does"
    note = f"against the {other}; fp32 losses differ by {gap:.1g} at most"
    where = f"{scale.device.type} training at batch {batch}"
    compared = [(name, ours, theirs, aim) for name, ours, theirs, aim in COMPARED if ours in found]
    lines = [_ratio(f"{where} ÷ {name}", found[ours], found[theirs], aim, note) for name, ours, theirs, aim in compared]
    rows = [
        (name, 1000 * series.step, series.rows_a_second, series.tokens_a_second, series.memory / 2**30)
        for name, series in found.items()
    ]
    columns = ("arm", "ms a step", "rows a second", "real tokens a second", "peak memory, GiB")
    title = f"Training at batch {batch} (NLI, {shape.name})"
    some = {name: arms[name] for name in (OURS, "padded, bf16", "grouped, bf16")}
    return [
        *lines,
        Table(title=title, columns=columns, rows=rows, note=work.described()),
        profiled(f"Where a step goes (batch {batch})", some, scale.device),
    ]


def with_graphs(scale: Scale, work: Workload, model: ChainModel) -> Product:
    """The product's arm with CUDA graphs, which it records before it is timed."""
    runtime = replace(scale.runtime, graphs=True)
    return Product(model, scale.shape, work, scale.batch, scale.steps, runtime, BFLOAT16, ahead=RECORDED)


def loss_gap(scale: Scale, work: Workload, kind: type[Baseline]) -> float:
    """The largest difference between the losses of both arms over some steps in float32, without dropout."""
    model = chain_model(scale.shape, work.row, 0.0)
    ours = Product(model, scale.shape, work, scale.batch, scale.steps, scale.runtime, losses=True)
    theirs: Arm = kind(model, work, scale.batch, scale.steps, scale.device, losses=True)
    return max(abs(one - other) for one, other in zip(ours().losses, theirs().losses, strict=True))


def _ratio(name: str, ours: Series, theirs: Series, aim: float | None, note: str) -> Ratio:
    medians, minima, processor = ratios(ours, theirs)
    return Ratio(number=3, name=name, value=medians, best=minima, processor=processor, aim=aim, note=note)
