"""One vector for a text: from the hidden states of its tokens."""

from __future__ import annotations

from torch import Tensor

from training.data.packs import Pack

MEAN, CLS = "mean", "cls"


def pooled(hidden: Tensor, packed: Pack, pooling: str | None) -> Tensor:
    """[texts, width] of `hidden` [tokens, width], in float32: the first token (`cls`), else the mean over a text's tokens.

    Special tokens take part in a mean.
    """
    return hidden[packed.firsts].float() if pooling == CLS else packed.mean(hidden)
