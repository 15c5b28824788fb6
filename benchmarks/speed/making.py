"""What the host does for a step besides starting kernels: a batch is read from encoded data and made a pack.

It is why batches are not made by a thread of their own: on a GPU kernels are queued, so the next batch is made while the device
still computes, and here is how little that takes. Encoded data were read whole when their digest was checked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.speed.shapes import SMALL_XLMR
from benchmarks.speed.table import Table
from benchmarks.speed.texts import workload
from training.data.batches import unit_features
from training.data.packs import Vocabulary
from training.learning.losses import micro_batches

BATCH, BATCHES = 32, 50
WORDS = Vocabulary(pad=1, mask=4, size=250_002, types=False)


def milliseconds(name: str, rounds: int, data: Path | None) -> float:
    """Of a batch, in the mean of the fastest round."""
    work, dice = workload(name, SMALL_XLMR, 100 * BATCH, data), np.random.default_rng(0)
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(BATCHES):
            features = unit_features(work.encoded, dice.integers(0, len(work.encoded), BATCH))
            list(micro_batches(work.row, features, work.encoded.group, 0, WORDS, dice))
        taken.append((time.perf_counter() - begun) / BATCHES)
    return min(taken) * 1000


def sections(quick: bool, data: Path | None) -> Iterator[list[Table]]:
    """The one table."""
    rows = [(name, BATCH, milliseconds(name, 2 if quick else 10, data)) for name in ("nli", "udpos", "squad")]
    yield [Table(title="Making a batch", columns=("data", "rows", "ms a batch"), rows=rows)]
