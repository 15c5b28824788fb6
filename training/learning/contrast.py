"""The loss of a dual encoder: a mention's vector against the vectors of every entity of its batch.

Both texts go through the one encoder and are pooled as they will be when entities are looked for: the mean over tokens of the
last layer. The negatives of a mention are the other entities of the whole optimiser step, whatever the micro-batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.utils.checkpoint import checkpoint

from training.data.packs import Pack
from training.models.carry import ChainModel
from training.models.pooling import MEAN, pooled

SCALE = 100.0
"""What cosines are multiplied by: where XTREME-R's baseline starts its learned scale (`third_party/bert.py`)."""


def contrastive_loss(model: ChainModel, packs: Sequence[Pack], labels: Tensor, count: int) -> Tensor:
    """Softmax cross-entropy of each mention's own entity among the batch's, averaged over `count` mentions.

    The features in `packs` are (mention, entity) in turn, `labels` say which entity. Where another pair of the batch has the
    same one it is no negative. Where the pairs are in several packs each is encoded by itself, and again for its gradient from
    the same random state: less memory, a second forward pass, and the gradient of the whole batch (as GradCache, arXiv
    2101.06983).
    """
    if len(packs) == 1:
        parts = [_vectors(model, packs[0])]
    else:
        parts = [checkpoint(_vectors, model, packed, use_reentrant=False) for packed in packs]
    vectors = normalize(torch.cat(parts), dim=-1)  # [2 x pairs, width]
    logits = SCALE * vectors[0::2] @ vectors[1::2].T
    own = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    same = (labels[:, None] == labels) & ~own
    logits = logits.masked_fill(same, torch.finfo(logits.dtype).min)
    return cross_entropy(logits, torch.arange(len(labels), device=labels.device), reduction="sum") / count


def _vectors(model: ChainModel, packed: Pack) -> Tensor:
    return pooled(model.encode(packed), packed, MEAN, model.family)
