"""One vector for a text: from the hidden states of its tokens."""

from __future__ import annotations

from torch import Tensor

from training.data.packs import Pack
from training.models.family import Family

MEAN, CLS = "mean", "cls"


def row_states(hidden: Tensor, packed: Pack, family: Family) -> Tensor:
    """[rows, width]: what heads see of each row of `hidden` [tokens, width].

    An encoder's first token is made for it. A decoder's last token is the only one that has seen the row. The encoder of an
    encoder-decoder has no such token: the mean of its states is the better sentence vector (Ni et al. 2022, arXiv 2108.08877).
    """
    if family is Family.DECODER:
        return hidden.index_select(0, packed.lasts)
    return packed.mean(hidden) if family is Family.ENCODER_DECODER else hidden.index_select(0, packed.firsts)


def pooled(hidden: Tensor, packed: Pack, pooling: str | None, family: Family = Family.ENCODER) -> Tensor:
    """[texts, width] of `hidden` [tokens, width], in float32: one token (`cls`), else the mean over a text's tokens.

    The token is the first of an encoder, the last of any other. Special tokens take part in a mean.
    """
    if pooling != CLS:
        return packed.mean(hidden)
    return hidden[packed.firsts if family is Family.ENCODER else packed.lasts].float()
