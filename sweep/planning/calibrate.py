"""`sweep plan --calibrate`: a few real training steps of each kind of phase, to know how fast this machine trains.

Each distinct set of tasks that a phase learns is trained for its share of the seconds, on the first examples of its data, from
the model's own weights; nothing is stored. Rates are of real tokens; the first step, which warms up, only tells how many fit
in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from sweep.planning.plan import Plan
from sweep.planning.reading import first_examples
from sweep.planning.throughput import tasks_of
from training.data.encode import Encoder
from training.data.features import Encoded
from training.identity import PhaseIdentity, Runtime
from training.models.backbone import RANDOM, load_tokenizer
from training.models.carry import ChainModel, from_pretrained
from training.phase import train_phase, vocabulary_of

MOST = 64
"""Optimiser steps that are timed at once, at most."""
Sample = tuple[str, tuple[str, ...], float, float]


def calibrate(plan: Plan, seconds: float) -> list[Sample]:
    """(model, tasks, tokens, seconds) of short trainings; raises UserError where the data or the model can't be used."""
    kinds, threads = list(_kinds(plan)), torch.get_num_threads()
    torch.set_num_threads(max(1, int(plan.grid.resources.cpu)))
    try:
        return [_timed(plan, model, phase, seconds / len(kinds)) for model, phase in kinds]
    finally:
        torch.set_num_threads(threads)


def _kinds(plan: Plan) -> Iterator[tuple[str, PhaseIdentity]]:
    """A phase of one epoch for each set of tasks that a model of the plan learns."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for study in plan.studies:
        setting = {name: 1e-6 if name.endswith("lr") else 1.0 for name in study.axes}
        for phase in plan.chain(study, setting, plan.grid.seeds[0]).phases:
            place = (study.model, tasks_of(phase))
            if place not in seen:
                seen.add(place)
                yield study.model, replace(phase, epochs=1, schedule="linear", length_pool=0)


def _timed(plan: Plan, model: str, phase: PhaseIdentity, seconds: float) -> Sample:
    """Train one step, which is not counted, then ever more of them until the time is over."""
    resolved = plan.models[model]
    rows = [plan.sources[use.task].row for use in phase.tasks]
    random = resolved.identity.weights == RANDOM
    trained, _ = from_pretrained(resolved.folder, rows, random=random, model_seed=0, seed=phase.seed)
    tokenizer = load_tokenizer(resolved.folder)
    _train(plan, trained, tokenizer, phase, 1)
    until, steps, tokens, took = time.monotonic() + seconds, 1, 0.0, 0.0
    while not took or time.monotonic() < until:
        more, longer = _train(plan, trained, tokenizer, phase, steps)
        tokens, took, steps = tokens + more, took + longer, min(MOST, 2 * steps)
    return model, tasks_of(phase), tokens, took


def _train(plan: Plan, model: ChainModel, tokenizer: Any, phase: PhaseIdentity, steps: int) -> tuple[float, float]:
    """Tokens and seconds of some steps."""
    each = max(1, -(-phase.batch * steps // len(phase.tasks)))
    data = [_few(plan, tokenizer, use.task, each) for use in phase.tasks]
    resources = plan.grid.resources
    runtime = Runtime(device=resources.device, threads=max(1, int(resources.cpu)), micro_batch=resources.micro_batch)
    done = train_phase(model, phase, data, vocabulary_of(model, tokenizer), runtime)
    return float(done.tokens), done.seconds


def _few(plan: Plan, tokenizer: Any, task: str, count: int) -> Encoded:
    """Features of the first examples of a task, in the first language it is learned in."""
    source = plan.sources[task]
    row = source.row
    encoder = Encoder(tokenizer, row, row.encoding.max_length, row.encoding.stride)
    return encoder.encode(first_examples(source, row.train_languages[0], count))
