"""From states to predictions, by kind of task: what is kept of a batch, on the device, and what is made of it for a split.

| kind | kept |
|---|---|
| classification | the class of each row |
| multiple choice | the score of each ending |
| tagging | the tag of each word's first sub-word (of a decoder: its last) |
| span extraction | the start and end logits of each token, of which `training.inference.answers` takes the best spans |
| masked language modelling | (predicted, gold) of each masked token, or of a decoder of each token but the first |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.batches import asked_tokens, gold_places
from training.data.columns import columns_of
from training.data.examples import Tagged
from training.data.features import Encoded, Feature
from training.data.packs import Vocabulary, moved, pack
from training.inference.answers import answers
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.tasks.row import Kind, TaskRow

Ints = NDArray[np.int64]
MASK_SEED = 15_485_863
_LOGITS = 1 << 25
"""The most logits over the vocabulary that are in memory at a time."""


def reduced(
    model: ChainModel, row: TaskRow, batch: Sequence[Feature], vocabulary: Vocabulary, device: torch.device
) -> tuple[Tensor, Ints | None]:
    """What scoring needs of each row of a batch, [results, ...], and how many results each row has (None: one)."""
    if row.kind is Kind.MLM:
        return _masked(model, row, batch, vocabulary, device)
    packed, head = pack(batch, vocabulary, device), model.heads[head_name(row)]
    hidden = model.encode(packed)
    if row.kind is Kind.TAGGING:
        positions = [feature.positions for feature in batch if feature.positions is not None]
        sizes = np.array([len(part) for part in positions], dtype=np.int64)
        chosen = packed.at(np.repeat(np.arange(len(batch)), sizes), np.concatenate(positions))
        return head(hidden.index_select(0, chosen)).argmax(-1), sizes
    if row.kind is Kind.SPAN:
        return packed.as_given(head(hidden).float()), packed.lengths
    logits: Tensor = head(model.of_rows(hidden, packed)).float()
    return (logits[:, 0] if row.kind is Kind.CHOICE else logits.argmax(-1)), None


def _masked(
    model: ChainModel, row: TaskRow, batch: Sequence[Feature], vocabulary: Vocabulary, device: torch.device
) -> tuple[Tensor, Ints]:
    """(predicted, gold) ids at masked places; what is masked follows from an example's number in its split."""
    dice = (np.random.default_rng([feature.example, MASK_SEED]) for feature in batch)
    changed, golds = asked_tokens(batch, vocabulary, dice)
    packed = pack(changed, vocabulary, device)
    rows, places, labels = gold_places(golds)
    states = model.encode(packed).index_select(0, packed.at(rows, places))
    head = model.heads[head_name(row)]
    parts = states.split(max(1, _LOGITS // vocabulary.size))
    found = torch.cat([head(part, model.embeddings).argmax(-1) for part in parts])
    return torch.stack([found, moved(labels, device)], 1), np.array([len(gold) for gold in golds], dtype=np.int64)


def _labels(encoded: Encoded, values: NDArray[Any]) -> tuple[list[int], None]:
    return values.tolist(), None


def _choices(encoded: Encoded, values: NDArray[Any]) -> tuple[list[int], None]:
    return values.reshape(-1, encoded.group).argmax(1).tolist(), None


def _tags(encoded: Encoded, values: NDArray[Any]) -> tuple[list[list[int]], None]:
    sizes = [len(example.words) for example in encoded.examples if isinstance(example, Tagged)]
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    columns = columns_of(encoded.features)
    owners = np.repeat(columns["example"], np.diff(columns["places"]))
    tags = np.full(bounds[-1], -1)
    tags[bounds[owners] + columns["words"]] = values
    if (tags < 0).any():
        raise AssertionError(f"{encoded.row.name}: a word has no prediction")
    flat, ends = tags.tolist(), bounds.tolist()
    return [flat[start:end] for start, end in pairwise(ends)], None


def _answers(encoded: Encoded, values: NDArray[Any]) -> tuple[dict[str, str], None]:
    return answers(encoded, values), None


def _words(encoded: Encoded, values: NDArray[Any]) -> tuple[list[int], list[int]]:
    return values[:, 0].tolist(), values[:, 1].tolist()


Decoder = Callable[[Encoded, NDArray[Any]], tuple[Any, Any]]
DECODERS: Mapping[Kind, Decoder] = {
    Kind.CLASSIFICATION: _labels,
    Kind.CHOICE: _choices,
    Kind.TAGGING: _tags,
    Kind.SPAN: _answers,
    Kind.MLM: _words,
}
"""From what is kept of a split's features, in their order, to predictions; masking also gives the gold, which it makes."""
