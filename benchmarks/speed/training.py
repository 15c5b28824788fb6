"""Rows 1 and 2: training on a CPU, against padded batches, and against Hugging Face's Trainer."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.speed.product import Product
from benchmarks.speed.profile import profiled
from benchmarks.speed.rounds import Arm, Series, ratios, take_turns
from benchmarks.speed.shapes import SMALL, SMALL_XLMR, Shape, chain_model
from benchmarks.speed.table import Ratio, Table
from benchmarks.speed.texts import Workload, workload
from benchmarks.speed.usual import DEFAULT, TUNED, Baseline, HuggingFace, Loop, Usual
from training.identity import Runtime
from training.learning.precision import BFLOAT16, FLOAT32

CPU = torch.device("cpu")
DROPOUT = 0.1
KINDS = {"nli": "NLI", "udpos": "tagging", "panx": "tagging", "squad": "QA"}
AIMS = {"nli": 3.0, "udpos": 6.0, "panx": 6.0, "squad": 2.5}
OURS = "packed, compact"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to measure: rounds that count and those that do not, steps a run, and rows of a set."""

    rounds: int
    warm: int
    steps: int
    rows: int = 2_496

    def batch(self, name: str) -> int:
        """Rows a step: 32 as the study has them, half as many where rows are long."""
        return 16 if name == "squad" else 32


QUICK = Effort(rounds=2, warm=0, steps=3)
FULL = Effort(rounds=5, warm=1, steps=5)


def with_trainer() -> bool:
    """Whether Hugging Face's Trainer can run here."""
    return importlib.util.find_spec("accelerate") is not None


def against_padding(name: str, precision: str, effort: Effort, data: Path | None, shape: Shape = SMALL) -> list[Ratio | Table]:
    """Row 1 for one set: a step of the product against one on batches padded to the maximum, and to a batch's longest row."""
    work, batch = workload(name, shape, effort.rows, data), effort.batch(name)
    model = chain_model(shape, work.row, DROPOUT)
    usual = Usual(precision=precision)
    arms: dict[str, Arm] = {
        OURS: Product(model, shape, work, batch, effort.steps, _runtime(), precision),
        "padded to the maximum": Loop(model, work, batch, effort.steps, CPU, usual),
        "padded to the longest": Loop(model, work, batch, effort.steps, CPU, replace(usual, dynamic=True)),
    }
    found = take_turns(arms, effort.rounds, effort.warm)
    gap = loss_gap(work, shape, batch, effort, precision, Loop, usual)
    title = f"CPU training ÷ padded to {work.longest}, {KINDS[name]} ({name}), {precision}"
    aim = AIMS[name] if precision == FLOAT32 else None
    return [_ratio(1, title, aim, found, "padded to the maximum", work, gap), _table(title, shape, work, batch, found)]


def against_trainer(name: str, effort: Effort, data: Path | None, shape: Shape = SMALL_XLMR) -> list[Ratio | Table]:
    """Row 2 for one set: Hugging Face's Trainer as the example scripts set it up, and as well tuned as it can be."""
    work, batch = workload(name, shape, effort.rows, data), effort.batch(name)
    if not with_trainer():
        note = "not measured: install accelerate"
        return [Ratio(number=2, name=f"CPU training ÷ Trainer, {KINDS[name]}", value=None, aim=5.5, note=note)]
    model = chain_model(shape, work.row, DROPOUT)
    arms: dict[str, Arm] = {
        OURS: Product(model, shape, work, batch, effort.steps, _runtime()),
        "Trainer, default": HuggingFace(model, work, batch, effort.steps, CPU, DEFAULT),
        "Trainer, tuned": HuggingFace(model, work, batch, effort.steps, CPU, TUNED),
    }
    found = take_turns(arms, effort.rounds, effort.warm)
    gap = loss_gap(work, shape, batch, effort, FLOAT32, HuggingFace, DEFAULT)
    title = f"CPU training ÷ Trainer, {KINDS[name]} ({name}), 250k words"
    return [
        _ratio(2, f"{title}, default", 5.5, found, "Trainer, default", work, gap),
        _ratio(2, f"{title}, best tuned", 2.2, found, "Trainer, tuned", work, None),
        _table(title, shape, work, batch, found),
        profiled(f"Where a step goes ({name}, 250k words)", arms, CPU),
    ]


def loss_gap(
    work: Workload, shape: Shape, batch: int, effort: Effort, precision: str, kind: type[Baseline], usual: Usual
) -> float:
    """The largest difference between the losses of both arms over some steps of training, without dropout."""
    model = chain_model(shape, work.row, 0.0)
    ours = Product(model, shape, work, batch, effort.steps, _runtime(), precision, losses=True)
    theirs: Arm = kind(model, work, batch, effort.steps, CPU, usual, losses=True)
    pairs = zip(ours().losses, theirs().losses, strict=True)
    return max(abs(one - other) for one, other in pairs)


def _runtime() -> Runtime:
    return Runtime(threads=torch.get_num_threads())


def _ratio(
    number: int, name: str, aim: float | None, found: dict[str, Series], other: str, work: Workload, gap: float | None
) -> Ratio:
    medians, minima, processor = ratios(found[OURS], found[other])
    note = "" if gap is None else f"losses differ by {gap:.1g} at most"
    detail = {name: [run.seconds / run.steps for run in series.runs] for name, series in found.items()}
    more = {"work": work.described(), "loss difference": gap, "seconds a step": detail}
    return Ratio(number=number, name=name, value=medians, best=minima, processor=processor, aim=aim, note=note, detail=more)


def _table(title: str, shape: Shape, work: Workload, batch: int, found: dict[str, Series]) -> Table:
    rows = [(name, series.step, series.rows_a_second, series.tokens_a_second) for name, series in found.items()]
    note = f"{shape.name}, batch {batch}; {work.described()}."
    return Table(title=title, columns=("arm", "s a step", "rows a second", "real tokens a second"), rows=rows, note=note)


def sections(quick: bool, data: Path | None) -> Iterator[list[Ratio | Table]]:
    """Rows 1 and 2, a set at a time."""
    effort = QUICK if quick else FULL
    for name in ("nli", "udpos", "squad") if quick else ("nli", "udpos", "panx", "squad"):
        yield against_padding(name, FLOAT32, effort, data)
    if not quick:
        yield against_padding("nli", BFLOAT16, effort, data)
        yield against_padding("nli", FLOAT32, effort, data, SMALL_XLMR)
    yield against_trainer("nli", effort, data)
    if not quick:
        yield against_trainer("udpos", effort, data)
