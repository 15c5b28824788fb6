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

from training.data.batches import TokenGold, asked_tokens, gold_places, tag_gold
from training.data.features import Feature
from training.data.packs import Pack, Vocabulary, moved, pack
from training.identity import Mixing
from training.learning.contrast import contrastive_loss
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.tasks.row import Kind, TaskRow

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows of one forward pass with their gold, on the device; `count` is the number of loss terms in the whole optimiser step.

    `labels` are of rows, of groups of endings, or of the single tokens at `chosen` (places in the pack). There are several
    packs where the rows of a step belong together (retrieval), and one otherwise.
    """

    packs: tuple[Pack, ...]
    labels: Tensor
    count: int
    chosen: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Tokens that go through the encoder."""
        return sum(len(part.ids) for part in self.packs)


def micro_batches(
    row: TaskRow,
    features: Sequence[Feature],
    group: int,
    limit: int,
    vocabulary: Vocabulary,
    generator: np.random.Generator,
    mask_rate: float = 0.15,
    device: torch.device = CPU,
    share: slice = slice(None),
) -> Iterator[MicroBatch]:
    """Cut a step's features into micro-batches of at most `limit` units (0: one), keeping groups of endings whole.

    `share` are the units that are wanted of them, all of whose draws and counts are those of the whole step.
    """
    if row.kind in (Kind.MLM, Kind.TAGGING):
        yield from _by_token(row, features, limit, vocabulary, generator, mask_rate, device, share)
        return
    labels = np.array([feature.label for feature in features[::group]], dtype=np.int64)
    units = len(labels)
    parts = _parts(share, units, limit)
    packs = [pack(features[part.start * group : part.stop * group], vocabulary, device) for part in parts]
    if row.kind is Kind.RETRIEVAL:
        if packs:
            yield MicroBatch(tuple(packs), moved(labels, device), max(units, 1))
        return
    for part, packed in zip(parts, packs, strict=True):
        yield MicroBatch((packed,), moved(labels[part], device), max(units, 1))


def _by_token(
    row: TaskRow,
    features: Sequence[Feature],
    limit: int,
    vocabulary: Vocabulary,
    generator: np.random.Generator,
    mask_rate: float,
    device: torch.device,
    share: slice,
) -> Iterator[MicroBatch]:
    """Micro-batches of a task whose gold is of single tokens."""
    golds: Sequence[TokenGold]
    if row.kind is Kind.MLM:
        features, golds = asked_tokens(features, vocabulary, repeat(generator), mask_rate)
    else:
        golds = [tag_gold(feature) for feature in features]
    count = max(sum(len(gold) for gold in golds), 1)
    for part in _parts(share, len(features), limit):
        packed = pack(features[part], vocabulary, device)
        rows, places, labels = gold_places(golds[part])
        yield MicroBatch((packed,), moved(labels, device), count, packed.at(rows, places))


def _parts(share: slice, units: int, limit: int) -> list[slice]:
    """A share of some units in pieces of at most `limit` (0: one piece)."""
    first, last, _ = share.indices(units)
    size = limit or max(last - first, 1)
    return [slice(start, min(start + size, last)) for start in range(first, last, size)]


def loss_of(model: ChainModel, row: TaskRow, batch: MicroBatch) -> Tensor:
    """This micro-batch's share of the step's mean loss: cross-entropy summed over its terms, divided by `batch.count`."""
    if row.kind is Kind.RETRIEVAL:
        return contrastive_loss(model, batch.packs, batch.labels, batch.count)
    (packed,), head = batch.packs, model.heads[head_name(row)]
    hidden = model.encode(packed)
    if batch.chosen is not None:
        states = hidden.index_select(0, batch.chosen)
        logits = head(states, model.embeddings) if row.kind is Kind.MLM else head(states)
    elif row.kind is Kind.SPAN:
        return _span_loss(packed.by_row(head(hidden).float(), torch.finfo(torch.float32).min), batch)
    else:
        logits = head(model.of_rows(hidden, packed)).view(len(batch.labels), -1)
    return cross_entropy(logits.float(), batch.labels, reduction="sum") / batch.count


def _span_loss(logits: Tensor, batch: MicroBatch) -> Tensor:
    """The mean of the losses of start and end; `logits` is [rows, longest, 2], as low as can be behind a row's end."""
    start = cross_entropy(logits[..., 0], batch.labels[:, 0], reduction="sum")
    return (start + cross_entropy(logits[..., 1], batch.labels[:, 1], reduction="sum")) / (2 * batch.count)


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
