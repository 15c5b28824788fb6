"""One vector for a text: from the hidden states of its tokens."""

from __future__ import annotations

from torch import Tensor

MEAN, CLS = "mean", "cls"


def pooled(hidden: Tensor, mask: Tensor, pooling: str | None) -> Tensor:
    """[texts, width] of `hidden` [texts, length, width]: the first token (`cls`), else the mean over real tokens.

    `mask` is [texts, length], 1 at tokens (special ones included) and 0 at padding.
    """
    if pooling == CLS:
        return hidden[:, 0]
    weights = mask[..., None].to(hidden.dtype)
    mean: Tensor = (hidden * weights).sum(1) / weights.sum(1)
    return mean
