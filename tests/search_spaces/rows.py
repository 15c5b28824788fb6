"""A handful of task rows that grids of the tests may name, and the smallest grids over them."""

from __future__ import annotations

from typing import Any

from training.tasks.row import Encoding, Kind, Split, TaskRow

_EN = ("en",)


def _row(name: str, kind: Kind, languages: tuple[str, ...], **rest: Any) -> TaskRow:
    files = rest.pop("files", {"train": f"{name}/train.tsv", "dev": f"{name}/dev.tsv"})
    return TaskRow(name=name, kind=kind, reader="r", files=files, languages=languages, metric="accuracy", **rest)


ROWS = {
    row.name: row
    for row in (
        _row("nli", Kind.CLASSIFICATION, _EN, intermediate=True),
        _row("span", Kind.SPAN, _EN, intermediate=True, encoding=Encoding(max_length=384, stride=128)),
        _row("corpus", Kind.MLM, _EN),
        _row("pos", Kind.TAGGING, ("en", "de", "no"), target=True, scored_on=Split.DEV),
        _row("bitext", Kind.RETRIEVAL, ("de", "no"), target=True, files={"test": "bitext/{lang}"}),
    )
}

SMALLEST = """\
name: small
models: {m: {source: mini_world}}
intermediates: [none]
targets: [pos]
"""

FULL = """\
name: full
about: every key once
models:
  m: {source: mini_world, pretrain: {task: corpus, lr: 1e-3, epochs: 3, batch: 32, seed: 0}}
  hub: {source: org/name, revision: "0123456789012345678901234567890123456789"}
intermediates: [none, nli, {mixed: [nli, span]}]
targets: [pos, bitext]
seeds: [1, 2]
data:
  pos:
    files: {train: "pos/train-{lang}.tsv"}
    carve_dev: 0.1
    caps: {train: 2000, dev: 300}
    languages: [en, no]
    scored_on: dev
    max_length: 128
    stride: 32
search:
  trials: 4
  sampler: tpe
  seed: 0
  at_once: 1
  space:
    intermediate: {lr: [1e-4, 3.0e-4], epochs: [1, 2]}
    target: {lr: {low: 1.0e-5, high: 1.0e-3, log: true}, epochs: {low: 2, high: 4}}
training: {batch: 16, warmup: 0.1, weight_decay: 0.01, clip: 1.0, carry_heads: true, mixing_cap: 131072}
retrieval: {layer: null, pooling: mean}
resources: {executor: auto, cpu: 1, gpu: 0, device: cpu, micro_batch: 0, checkpoint_seconds: 60, max_failures: 3}
"""
