"""How the units of an optimiser step are dealt out to the workers of a team."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def shares_of(tokens: Sequence[int], size: int) -> tuple[slice, ...]:
    """Which units each of `size` workers takes: neighbours, all of them once, with about the same tokens a worker.

    `tokens` are those of each unit, one at least. No worker has more than its part of them and those of one unit; with fewer
    units than workers, or one that outweighs the others, some have none.
    """
    weights = np.asarray(tokens, dtype=np.int64)
    middles = 2 * np.cumsum(weights) - weights
    owners = middles * size // (2 * max(int(weights.sum()), 1))
    cuts = [int(cut) for cut in np.searchsorted(owners, np.arange(size + 1))]
    return tuple(slice(first, last) for first, last in pairwise(cuts))
