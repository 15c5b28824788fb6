"""Measures the speed of training on a CUDA device against what users would run instead, and prints the table of ratios.

    [SWEEP_DATA=/path/to/data] python -m benchmarks.gpu [--quick] [--json PATH] [--markdown PATH] [--only PART]

Needs torch, transformers, numpy and pyarrow. With `accelerate` the other arm is Hugging Face's Trainer, else a loop that does
the same work in the same order (a test holds that its losses are the Trainer's). Parts can be asked for one by one. One GPU is
used. `--rehearse` runs everything on a CPU with a tiny model, and measures nothing of interest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from benchmarks.gpu import floor
from benchmarks.gpu.scale import Scale, quick, rehearsal
from benchmarks.gpu.training import at_batch
from benchmarks.gpu.utilisation import utilisation
from benchmarks.speed import growth
from benchmarks.speed.__main__ import NOTES, Found, arguments, command_of, data_folder, measured
from benchmarks.speed.embedding import embedding_ratio
from benchmarks.speed.shapes import LARGE, XLMR_WORDS, Shape
from benchmarks.speed.table import Report, made_with
from training.learning.precision import BFLOAT16

BASE = Shape(name="XLM-R Base", layers=12, width=768, words=XLMR_WORDS)


def parts(scale: Scale, data: Path | None) -> Mapping[str, Callable[[], Iterator[Found]]]:
    """What can be measured, by name."""
    return {
        "training": lambda: iter([at_batch(scale, data)]),
        "utilisation": lambda: iter([utilisation(scale, data)]),
        "embedding": lambda: iter([embedding_ratio(scale.shape.width, scale.device, scale.rounds, scale.steps)]),
        "floor": lambda: iter([floor.floors(scale, data)]),
        "optimiser": lambda: iter([floor.optimisers(scale)]),
        "growth": lambda: growing(scale),
    }


def growing(scale: Scale) -> Iterator[Found]:
    """How a step's cost grows in bf16."""
    many, shape, rest = scale.tokens, scale.shape, (scale.steps, 2, scale.device, BFLOAT16)
    yield [growth.by_batch((8, 32, 128, 512) if scale.on_gpu else (4, 8), shape, *rest)]
    yield [growth.by_length((16, 64, 128, 256, 512) if scale.on_gpu else (16, 64), many, shape, *rest)]
    yield [growth.by_shape((BASE, LARGE) if scale.on_gpu else (shape,), scale.batch, *rest)]


def main(given: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = arguments(__doc__, list(parts(rehearsal(), None)))
    parser.add_argument("--rehearse", action="store_true", help="run everything on a CPU, with a tiny model")
    asked = parser.parse_args(given)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # with several GPUs the Trainer would take them all
    if not (asked.rehearse or torch.cuda.is_available()):
        sys.exit("torch finds no CUDA device; `--rehearse` runs everything on a CPU, with a tiny model")
    device = torch.device("cpu" if asked.rehearse else "cuda")
    scale = rehearsal() if asked.rehearse else quick(device) if asked.quick else Scale(device=device)
    data = data_folder(asked.data)
    title = "Speed of training on a GPU" + (" (a rehearsal on a CPU: no measurement)" if asked.rehearse else "")
    report = Report(title, command_of("benchmarks.gpu", asked, data), made_with(device), notes=list(NOTES))
    every = parts(scale, data)
    measured(report, {name: every[name] for name in asked.only or every}, asked, goes_on=True)


if __name__ == "__main__":
    main()
