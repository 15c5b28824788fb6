"""The loss of one optimiser step, in micro-batches, exact whatever the micro-batch: sums divided by the whole batch's count."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training.contrast import contrastive_loss
from training.data.batches import collate, mask_tokens, tag_labels
from training.data.features import IGNORED, Feature
from training.identity import Mixing
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.tasks.row import Kind, TaskRow


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What batches need to know of the tokenizer and the encoder."""

    pad: int
    mask: int
    size: int
    types: bool


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows of one forward pass with their gold; `count` is the number of loss terms in the whole optimiser step.

    `limit` is the most units encoded at a time where the rows of a step belong together (retrieval; 0: all).
    """

    features: Sequence[Feature]
    labels: Tensor
    count: int
    limit: int = 0


def micro_batches(
    row: TaskRow,
    features: Sequence[Feature],
    group: int,
    limit: int,
    vocabulary: Vocabulary,
    generator: np.random.Generator,
    mask_rate: float = 0.15,
) -> Iterator[MicroBatch]:
    """Cut a step's features into micro-batches of at most `limit` units (0: one), keeping groups of endings whole."""
    labels: Tensor
    by_token = row.kind in (Kind.MLM, Kind.TAGGING)
    if row.kind is Kind.MLM:
        features, labels = mask_tokens(features, vocabulary.mask, vocabulary.size, repeat(generator), mask_rate)
    elif row.kind is Kind.TAGGING:
        labels = tag_labels(features)
    else:
        labels = torch.tensor([feature.label for feature in features[::group]], dtype=torch.long)
    count = int((labels != IGNORED).sum()) if by_token else len(labels)
    units = len(features) // group
    if row.kind is Kind.RETRIEVAL:
        yield MicroBatch(features, labels, max(count, 1), limit)
        return
    size = limit or units
    for start in range(0, units, size):
        part = features[start * group : (start + size) * group]
        kept = labels[start : start + size]
        if by_token:
            kept = kept[:, : max(len(feature) for feature in part)]
        yield MicroBatch(part, kept, max(count, 1))


def loss_of(model: ChainModel, row: TaskRow, batch: MicroBatch, vocabulary: Vocabulary, device: torch.device) -> Tensor:
    """This micro-batch's share of the step's mean loss: cross-entropy summed over its terms, divided by `batch.count`."""
    if row.kind is Kind.RETRIEVAL:
        return contrastive_loss(model, batch, vocabulary, device)
    inputs = collate(batch.features, vocabulary.pad, device, types=vocabulary.types)
    labels = batch.labels.to(device)
    hidden = model.encode(inputs)
    head = model.heads[head_name(row)]
    if row.kind is Kind.MLM:
        chosen = labels != IGNORED
        logits = head(hidden[chosen], model.embeddings)
        return cross_entropy(logits, labels[chosen], reduction="sum") / batch.count
    logits = head(hidden)
    if row.kind is Kind.CHOICE:
        logits = logits.view(len(labels), -1)
    if row.kind is Kind.SPAN:
        logits = _masked_positions(logits, inputs["attention_mask"])
        start = cross_entropy(logits[..., 0], labels[:, 0], reduction="sum")
        return (start + cross_entropy(logits[..., 1], labels[:, 1], reduction="sum")) / (2 * batch.count)
    if row.kind is Kind.TAGGING:
        return cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum") / batch.count
    return cross_entropy(logits, labels, reduction="sum") / batch.count


def _masked_positions(logits: Tensor, mask: Tensor) -> Tensor:
    """Padding can't be an answer: without this the loss would depend on how long the longest row of the batch is."""
    return logits.masked_fill((mask == 0)[..., None], torch.finfo(logits.dtype).min)


def loss_scale(row: TaskRow, mixing: Mixing, vocabulary: int) -> float:
    """What a task's loss is multiplied by in a mixture: 1 / log(classes) with `log_classes`, so that tasks begin alike.

    Classes are labels, tags, token positions (span extraction) or words (`vocabulary`); a choice has those of its row, or four.
    """
    if mixing.loss_scaling != "log_classes":
        return 1.0
    if row.kind is Kind.SPAN:
        classes = row.encoding.max_length
    elif row.kind is Kind.MLM:
        classes = vocabulary
    else:
        classes = len(row.labels) or 4
    return 1.0 / math.log(max(classes, 2))
