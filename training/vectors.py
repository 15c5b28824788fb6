"""Vectors of texts, from one layer of a chain's encoder: what retrieval compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.batches import collate
from training.data.encode import Encoder
from training.data.features import Feature
from training.errors import ModelError
from training.identity import Runtime
from training.losses import Vocabulary
from training.models.carry import ChainModel
from training.models.pooling import pooled

Floats = NDArray[np.float32]


def default_layer(layers: int) -> int:
    """Retrieval layer when none is asked for: 14 of XLM-R Large's 24 layers, in proportion (Hu et al. 2020 use the middle)."""
    return round(14 / 24 * layers)


def chosen_layer(asked: int | None, layers: int) -> int:
    """The layer to take vectors from; raises ModelError when the model has no such layer."""
    layer = asked if asked is not None else default_layer(layers)
    if not 0 <= layer <= layers:
        raise ModelError("the model has no such layer to take sentence vectors from", layer, f"use 0 to {layers}")
    return layer


def length_batches(features: Sequence[Feature], tokens: int) -> Iterator[list[int]]:
    """Places of features of similar length, at most `tokens` padded tokens together."""
    order = sorted(range(len(features)), key=lambda place: (len(features[place]), place))
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) + 1) * len(features[place]) > tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


@dataclass(frozen=True)
class TextVectors:
    """Turns texts into vectors; `layer` counts from 0, the embeddings, and `pooling` is `mean` (or None) or `cls`."""

    model: ChainModel
    encoder: Encoder
    vocabulary: Vocabulary
    runtime: Runtime
    layer: int
    pooling: str | None

    def of(self, texts: Sequence[str | tuple[str, str]]) -> Floats:
        """[texts, width] of texts, or of pairs of texts read together; special tokens take part in a mean."""
        features = self.encoder.encode_plain(texts)
        device = torch.device(self.runtime.device)
        vectors = np.zeros((len(features), int(self.model.backbone.config.hidden_size)), dtype=np.float32)
        for places in length_batches(features, self.runtime.evaluation_tokens):
            inputs = collate([features[place] for place in places], self.vocabulary.pad, device, types=self.vocabulary.types)
            hidden = self.model.encode_layer(inputs, self.layer)
            vectors[places] = pooled(hidden, inputs["attention_mask"], self.pooling).float().cpu().numpy()
        return vectors
