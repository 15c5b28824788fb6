"""What a step costs however little it computes: kernels that are started one by one, the same as a CUDA graph, and AdamW.

Graphs are those of `training.models.graphs`: forward and backward of a bucket, with torch's variable-length attention.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import XLMRobertaModel

from benchmarks.gpu.scale import Scale, milliseconds
from benchmarks.speed.shapes import Shape, chain_model, vocabulary
from benchmarks.speed.table import Table
from benchmarks.speed.texts import of_length, workload
from benchmarks.speed.training import DROPOUT
from benchmarks.speed.twin import twin_of
from training.data.packs import Pack, pack
from training.learning.precision import BFLOAT16, FLOAT32, autocast
from training.models.attention import set_attention_dropout
from training.models.carry import ChainModel
from training.models.graphs import Graphs

Work = Callable[[], None]
REPEATS = 20
ACTIVE = 30_000


def encoding(model: ChainModel, packed: Pack, scale: Scale, precision: str) -> Work:
    """Forward and backward of one pack."""

    def work() -> None:
        with autocast(scale.device, precision):
            loss = model.encode(packed).float().square().mean()
        loss.backward()

    return work


def padded(twin: torch.nn.Module, packed: Pack, scale: Scale, precision: str) -> Work:
    """Forward and backward of the same rows as Hugging Face has them."""
    ids = packed.by_row(packed.ids, packed.pad)
    mask = packed.by_row(torch.ones_like(packed.ids), 0)

    def work() -> None:
        with autocast(scale.device, precision):
            loss = twin(ids, attention_mask=mask).last_hidden_state.float().square().mean()
        loss.backward()

    return work


def graphed(model: ChainModel, work: Work, scale: Scale) -> float:
    """Milliseconds of the same work by CUDA graphs, which the second call records."""
    model.graphs = Graphs(model.backbone)
    found = _timed(work, model, scale)
    model.graphs = None
    return found


def floors(scale: Scale, data: Path | None) -> list[Table]:
    """Forward and backward of next to nothing, and of a batch, started kernel by kernel and as a graph."""
    shape = scale.shape
    little, batch = of_length(8, shape, 1), workload("nli", shape, scale.batch, data)
    model = chain_model(shape, batch.row, DROPOUT).to(scale.device).train()
    set_attention_dropout(model.backbone, 0.0)
    words = vocabulary(model, shape)
    twin = twin_of(model, batch.row).base_model.to(scale.device).train()
    rows: list[tuple[object, ...]] = []
    for name, work in (("one row of 8 tokens", little), (f"batch {scale.batch} of NLI", batch)):
        packed = pack(work.encoded.features[:], words, scale.device)
        for precision in (FLOAT32, BFLOAT16):
            ours = encoding(model, packed, scale, precision)
            usual = padded(twin, packed, scale, precision)
            times: list[float | None] = [_timed(usual, twin, scale), _timed(ours, model, scale)]
            # In float32 rows go by blocks of equal length, which a graph would have to be made for anew each time.
            times.append(graphed(model, ours, scale) if scale.on_gpu and precision == BFLOAT16 else None)
            rows.append((name, precision, len(packed.ids), *times))
    columns = ("rows", "precision", "real tokens", "Hugging Face, padded, ms", "ours, ms", "ours as a CUDA graph, ms")
    return [Table(title=f"Forward and backward of the encoder ({shape.name})", columns=columns, rows=rows)]


def _timed(work: Work, module: torch.nn.Module, scale: Scale) -> float:
    found = milliseconds(work, scale.device, REPEATS if scale.on_gpu else 2)
    module.zero_grad(set_to_none=True)
    return found


def optimisers(scale: Scale) -> list[Table]:
    """Fused AdamW over all parameters, and over those that a compact vocabulary leaves."""
    shape = scale.shape
    rows = [
        ("whole vocabulary", *_updating(scale, shape.words)),
        (f"{ACTIVE:,} active words", *_updating(scale, min(ACTIVE, shape.words))),
    ]
    columns = ("parameters", "millions", "norm and clip, ms", "AdamW, ms", "weights, gradients and moments, GiB")
    return [Table(title=f"The optimiser ({shape.name})", columns=columns, rows=rows)]


def _updating(scale: Scale, words: int) -> list[float]:
    """Millions of parameters, milliseconds of the norm with the clip, and of AdamW, and GiB of what training keeps."""
    parameters = [torch.zeros(size, device=scale.device) for size in _sizes(scale.shape, words)]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e-3)
    optimiser, repeats = torch.optim.AdamW(parameters, lr=1e-5, fused=True), REPEATS if scale.on_gpu else 2
    clip = milliseconds(lambda: torch.nn.utils.clip_grad_norm_(parameters, 1.0), scale.device, repeats)
    update = milliseconds(optimiser.step, scale.device, repeats)
    count = sum(parameter.numel() for parameter in parameters)
    return [count / 1e6, clip, update, 16 * count / 2**30]


def _sizes(shape: Shape, words: int) -> list[torch.Size]:
    config = shape.config(0.0)
    config.vocab_size = words
    with torch.device("meta"):
        model = XLMRobertaModel(config, add_pooling_layer=False)
    return [parameter.shape for parameter in model.parameters()]
