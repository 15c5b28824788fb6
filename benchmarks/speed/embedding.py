"""Row 6: the optimiser's work on a vocabulary of 250,002 words, whole and compact.

One step is what the word table costs beyond its look-up: its gradient, the norm, the clip, and fused AdamW. Both arms see the
same tokens, of `active` different words: as many as MNLI has.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.speed.product import phase_of
from benchmarks.speed.rounds import Run, Stopwatch, ratios, take_turns
from benchmarks.speed.shapes import XLMR_WORDS, Shape, chain_model
from benchmarks.speed.table import Ratio, Table
from benchmarks.speed.texts import ROWS, of_length
from training.identity import PhaseIdentity
from training.learning.optimiser import allocate_moments, build_optimiser, clip_gradients
from training.models.carry import ChainModel
from training.models.compact import WordTable

TOKENS = 1_300
"""Tokens a step: MNLI at batch 32."""
ACTIVE = 30_000
AIM = 8.0


def embedding_ratio(width: int, device: torch.device, rounds: int, steps: int, active: int = ACTIVE) -> list[Ratio | Table]:
    """Row 6 for one width."""
    shape = Shape(name=f"250k words of {width}", layers=0, width=width, words=XLMR_WORDS)
    task, dice = ROWS["nli"], np.random.default_rng(0)
    tokens = np.sort(dice.choice(XLMR_WORDS, size=active, replace=False))
    ids = torch.from_numpy(dice.choice(tokens, size=(steps, TOKENS))).to(device)
    phase = replace(phase_of(of_length(8, shape, 8), 8), weight_decay=0.0)
    whole = chain_model(shape, task, 0.0)
    compact = copy.deepcopy(whole)
    _steps(whole, phase, None, ids, device, usual=False)
    _steps(compact, phase, tokens, ids, device, usual=False)
    gap = float((whole.embeddings - compact.embeddings).detach().abs().max())
    same = torch.equal(whole.embeddings, compact.embeddings)
    arms = {
        "whole": lambda: _steps(whole, phase, None, ids, device),
        "compact": lambda: _steps(compact, phase, tokens, ids, device, usual=False),
    }
    found = take_turns(arms, rounds, 0)
    values = ratios(found["compact"], found["whole"])
    note = "bit-identical at decay 0" if same else f"tables differ by {gap:.1g} at most"
    title = f"embedding optimiser, {active:,} of {XLMR_WORDS:,} x {width} ({device.type})"
    rows = [(name, series.step * 1000) for name, series in found.items()]
    return [
        Ratio(number=6, name=title, value=values[0], best=values[1], processor=values[2], aim=AIM, note=note),
        Table(title=title[0].upper() + title[1:], columns=("table", "ms a step"), rows=rows),
    ]


def _steps(
    model: ChainModel,
    phase: PhaseIdentity,
    tokens: NDArray[np.int64] | None,
    ids: torch.Tensor,
    device: torch.device,
    usual: bool = True,
) -> Run:
    """Some steps; the gradient's norm is torch's own (`usual`) or the product's, which is the same for both tables."""
    watch = Stopwatch(device)
    words = WordTable(model, tokens, lambda step: 1.0)
    with words.compact():
        model.to(device)
        look_up = model.backbone.embeddings.word_embeddings
        optimiser = build_optimiser(model, phase)
        allocate_moments(optimiser)
        for step in ids:
            look_up(step).square().sum().backward()
            if usual:
                torch.nn.utils.clip_grad_norm_(model.parameters(), phase.clip)
            else:
                clip_gradients(model, model.embeddings, phase.clip)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            words.step += 1
            watch.mark_ends(len(ids))
    return watch.run(len(ids) - 1, len(ids) - 1, (len(ids) - 1) * ids.shape[1])


def sections(quick: bool) -> Iterator[list[Ratio | Table]]:
    """Row 6 on a CPU: narrow, and as wide as XLM-R Large's."""
    yield embedding_ratio(256, torch.device("cpu"), rounds=2 if quick else 5, steps=6)
    if not quick:
        yield embedding_ratio(1024, torch.device("cpu"), rounds=3, steps=4)
