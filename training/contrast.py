"""The loss of a dual encoder: a mention's vector against the vectors of every entity of its batch.

Both texts go through the one encoder and are pooled as they will be when entities are looked for: the mean over tokens of the
last layer. The negatives of a mention are the other entities of the whole optimiser step, whatever the micro-batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.utils.checkpoint import checkpoint

from training.data.batches import collate
from training.models.carry import ChainModel
from training.models.pooling import MEAN, pooled

if TYPE_CHECKING:
    from training.losses import MicroBatch, Vocabulary

SCALE = 100.0
"""What cosines are multiplied by: where XTREME-R's baseline starts its learned scale (`third_party/bert.py`)."""


def contrastive_loss(model: ChainModel, batch: MicroBatch, vocabulary: Vocabulary, device: torch.device) -> Tensor:
    """Softmax cross-entropy of each mention's own entity among the batch's, averaged over `batch.count` mentions.

    The features are (mention, entity) in turn. Where another pair of the batch has the same entity (an equal label) it is no
    negative. With `batch.limit` that many pairs are encoded at a time and encoded again for their gradient, from the same
    random state: less memory, a second forward pass, and the gradient of the whole batch (as GradCache, arXiv 2101.06983).
    """
    labels = batch.labels.to(device)
    size = 2 * (batch.limit or len(labels))
    parts = []
    for start in range(0, len(batch.features), size):
        inputs = collate(batch.features[start : start + size], vocabulary.pad, device, types=vocabulary.types)
        whole = size >= len(batch.features)
        parts.append(_vectors(model, inputs) if whole else checkpoint(_vectors, model, inputs, use_reentrant=False))
    vectors = normalize(torch.cat(parts), dim=-1)  # [2 x pairs, width]
    logits = SCALE * vectors[0::2] @ vectors[1::2].T
    own = torch.eye(len(labels), dtype=torch.bool, device=device)
    same = (labels[:, None] == labels) & ~own
    logits = logits.masked_fill(same, torch.finfo(logits.dtype).min)
    return cross_entropy(logits, torch.arange(len(labels), device=device), reduction="sum") / batch.count


def _vectors(model: ChainModel, inputs: Mapping[str, Tensor]) -> Tensor:
    return pooled(model.encode(inputs), inputs["attention_mask"], MEAN).float()
