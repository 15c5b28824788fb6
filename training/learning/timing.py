"""How fast a phase trains here: a few real steps from the model's own weights, of which nothing is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from training.data.lengths import first_features
from training.data.loading import DataSource
from training.identity import ModelIdentity, PhaseIdentity, Runtime
from training.models.backbone import RANDOM, load_tokenizer
from training.models.carry import ChainModel, from_pretrained
from training.phase import train_phase, vocabulary_of

MOST = 64
"""Optimiser steps that are timed at once, at most."""


def time_training(
    folder: Path,
    identity: ModelIdentity,
    phase: PhaseIdentity,
    sources: Mapping[str, DataSource],
    runtime: Runtime,
    seconds: float,
) -> tuple[int, float]:
    """Real tokens, and the seconds that training them took: one step, which is not counted, then ever more for so long.

    `phase` is to have one epoch. Raises UserError where the data or the model can't be used.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(runtime.threads or threads)
    try:
        rows = [sources[use.task].row for use in phase.tasks]
        random = identity.weights == RANDOM
        model, _ = from_pretrained(folder, rows, random=random, model_seed=identity.seed, seed=phase.seed)
        return _timed(model, load_tokenizer(folder), phase, sources, runtime, seconds)
    finally:
        torch.set_num_threads(threads)


def _timed(
    model: ChainModel,
    tokenizer: Any,
    phase: PhaseIdentity,
    sources: Mapping[str, DataSource],
    runtime: Runtime,
    seconds: float,
) -> tuple[int, float]:
    def train(steps: int) -> tuple[int, float]:
        each = max(1, -(-phase.batch * steps // len(phase.tasks)))
        data = [first_features(sources[use.task], tokenizer, each) for use in phase.tasks]
        done = train_phase(model, phase, data, vocabulary_of(model, tokenizer), runtime)
        return done.tokens, done.seconds

    train(1)
    until, steps, tokens, took = time.monotonic() + seconds, 1, 0, 0.0
    while not took or time.monotonic() < until:
        more, longer = train(steps)
        tokens, took, steps = tokens + more, took + longer, min(MOST, 2 * steps)
    return tokens, took
