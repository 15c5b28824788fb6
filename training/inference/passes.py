"""Forward passes over many rows: sorted by length, cut by real tokens, with results that stay on the device until the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.identity import Runtime
from training.learning.fitting import MORE_MEMORY, Fit, Notes, is_out_of_memory
from training.learning.memory import release_memory

Ints = NDArray[np.int64]
Forward = Callable[[Ints], tuple[Tensor, Ints | None]]
"""From the places of some rows to their results, row after row, and how many results each has (None: one)."""


def batch_fit(runtime: Runtime, subject: str, notes: Notes | None) -> Fit:
    """The most tokens of an evaluation batch of `subject`: what was asked for, or less where that did not fit."""
    smaller = f"lower the `max_length` of the task, or {MORE_MEMORY}"
    return Fit(max(1, runtime.evaluation_tokens), f"an evaluation batch of {subject}", "tokens", notes, smaller)


def over_rows(lengths: Ints, fit: Fit, forward: Forward) -> tuple[NDArray[Any], Ints]:
    """Give `forward` the places of rows of similar length, at most `fit.size` tokens together, until all had a turn.

    `lengths` [rows] is in tokens. Returns the results in the order of the rows, and where each row's begin: [rows + 1]. Where
    memory runs out the same rows come again in smaller batches; raises OutOfMemoryFault when one row is too much.
    """
    order = np.argsort(lengths, kind="stable")
    ends = np.concatenate([[0], np.cumsum(lengths[order])])
    results: list[Tensor] = []
    counts: list[Ints] = []
    done = 0
    while done < len(order):
        stop = max(done + 1, int(np.searchsorted(ends, ends[done] + fit.size, side="right")) - 1)
        places = order[done:stop]
        try:
            values, sizes = forward(places)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            seen = str(error).partition("\n")[0]
        else:
            results.append(values)
            counts.append(np.ones(len(places), dtype=np.int64) if sizes is None else sizes)
            done = stop
            continue
        release_memory()
        fit.halve(int(ends[stop] - ends[done]), seen, least=int(lengths[places[-1]]))
    return _in_order(torch.cat(results).cpu().numpy(), order, np.concatenate(counts))


def _in_order(values: NDArray[Any], order: Ints, counts: Ints) -> tuple[NDArray[Any], Ints]:
    """Results of rows as they came, `counts` of each, put into the rows' own order."""
    sizes, begins = np.empty_like(counts), np.empty_like(counts)
    sizes[order], begins[order] = counts, np.cumsum(counts) - counts
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    sources = np.repeat(begins - bounds[:-1], sizes)
    sources += np.arange(len(values))
    return values.take(sources, axis=0), bounds
