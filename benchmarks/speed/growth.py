"""How the cost of a step grows with batch, length, model and vocabulary, and that of an evaluation with languages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.speed.product import Product
from benchmarks.speed.rounds import Arm, ratios, take_turns
from benchmarks.speed.shapes import SMALL, SMALL_XLMR, XLMR_WORDS, Shape, chain_model, vocabulary
from benchmarks.speed.table import Table
from benchmarks.speed.texts import Workload, languages_of, of_length, workload
from benchmarks.speed.usual import Loop, Usual
from training.evaluate import Evaluator
from training.identity import Runtime
from training.learning.precision import FLOAT32

COLUMNS = ("", "s a step", "real tokens a second", "padded to the maximum, s a step", "x")
LANGUAGES = ("en", "de", "fr", "es", "ru", "tr", "vi", "bg", "el", "ar", "hi", "sw", "th", "ur", "zh")


def compared(
    work: Workload, shape: Shape, batch: int, steps: int, rounds: int, device: torch.device, precision: str
) -> list[float]:
    """Seconds a step and real tokens a second of the product, seconds a step of a padded loop, and their ratio."""
    model = chain_model(shape, work.row, 0.1)
    runtime = Runtime(device=device.type, threads=torch.get_num_threads())
    arms: dict[str, Arm] = {
        "ours": Product(model, shape, work, batch, steps, runtime, precision),
        "padded": Loop(model, work, batch, steps, device, Usual(precision=precision)),
    }
    found = take_turns(arms, rounds, 0)
    ours, padded = found["ours"], found["padded"]
    return [ours.step, ours.tokens_a_second, padded.step, ratios(ours, padded)[0]]


def by_batch(sizes: tuple[int, ...], shape: Shape, steps: int, rounds: int, device: torch.device, precision: str) -> Table:
    """A step on NLI rows, for some batches."""
    work = workload("nli", shape, 2 * max(sizes), None)
    rows = [(f"batch {size}", *compared(work, shape, size, steps, rounds, device, precision)) for size in sizes]
    return Table(title=f"Growth with the batch ({shape.name}, {precision})", columns=COLUMNS, rows=rows, note=work.described())


def by_length(
    lengths: tuple[int, ...], tokens: int, shape: Shape, steps: int, rounds: int, device: torch.device, precision: str
) -> Table:
    """A step of as many tokens in rows of one length, for some lengths: nobody pads, so it shows what attention costs."""
    rows = []
    for length in lengths:
        work = of_length(length, shape, 2 * tokens // length)
        rows.append((f"rows of {length}", *compared(work, shape, tokens // length, steps, rounds, device, precision)))
    title = f"Growth with the length of rows ({shape.name}, {tokens:,} tokens a step, {precision})"
    return Table(title=title, columns=COLUMNS, rows=rows)


def by_shape(shapes: tuple[Shape, ...], batch: int, steps: int, rounds: int, device: torch.device, precision: str) -> Table:
    """A step on NLI rows, for some models."""
    rows = []
    for shape in shapes:
        work = workload("nli", shape, 4 * batch, None)
        rows.append((shape.name, *compared(work, shape, batch, steps, rounds, device, precision)))
    return Table(title=f"Growth with the model (NLI, batch {batch}, {precision})", columns=COLUMNS, rows=rows)


def by_languages(counts: tuple[int, ...], shape: Shape, data: Path, rounds: int, device: torch.device) -> Table | None:
    """An evaluation of XNLI's dev sets, which are encoded beforehand, for some numbers of languages."""
    runtime, rows = Runtime(device=device.type, threads=torch.get_num_threads()), []
    for count in counts:
        asked = languages_of(data, LANGUAGES[:count])
        if asked is None:
            return None
        corpus, target, tokens = asked
        model = chain_model(shape, corpus.sources[target.task].row, 0.0)
        evaluator = Evaluator(model, corpus, vocabulary(model, shape), runtime)
        seconds = []
        for _ in range(rounds):
            begun = time.perf_counter()
            evaluator.evaluate(target)
            seconds.append(time.perf_counter() - begun)
        rows.append((count, min(seconds), min(seconds) / count, tokens / min(seconds)))
    columns = ("languages", "s", "s a language", "real tokens a second")
    title = f"Growth of evaluation with languages (XNLI dev, {shape.name})"
    return Table(title=title, columns=columns, rows=rows)


def sections(quick: bool, data: Path | None) -> Iterator[list[Table]]:
    """All of it on a CPU."""
    device, rounds = torch.device("cpu"), 1 if quick else 2
    yield [by_batch((8, 32) if quick else (8, 16, 32, 64), SMALL, 3, rounds, device, FLOAT32)]
    yield [by_length((32, 256) if quick else (16, 64, 256, 512), 2_048, SMALL, 3, rounds, device, FLOAT32)]
    wide = Shape(name="6 layers of 384, 250k words", layers=6, width=384, words=XLMR_WORDS)
    yield [by_shape((SMALL,) if quick else (SMALL, SMALL_XLMR, wide), 16, 3, rounds, device, FLOAT32)]
    found = by_languages((1, 5) if quick else (1, 5, 15), SMALL, data, rounds, device) if data else None
    if found:
        yield [found]
