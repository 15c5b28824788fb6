"""Vectors of texts, from one layer of a chain's encoder: what retrieval compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.columns import lengths_of
from training.data.encode import Encoder
from training.data.packs import Vocabulary, pack
from training.errors import ModelError
from training.identity import Runtime
from training.inference.passes import Ints, batch_fit, over_rows
from training.learning.fitting import Notes
from training.learning.precision import FLOAT32, autocast
from training.models.carry import ChainModel
from training.models.pooling import pooled

Floats = NDArray[np.float32]
BLOCK = 16_384
"""The most texts whose tokens and vectors are on the device at a time."""


def default_layer(layers: int) -> int:
    """Retrieval layer when none is asked for: 14 of XLM-R Large's 24 layers, in proportion (Hu et al. 2020 use the middle)."""
    return round(14 / 24 * layers)


def chosen_layer(asked: int | None, layers: int) -> int:
    """The layer to take vectors from; raises ModelError when the model has no such layer."""
    layer = asked if asked is not None else default_layer(layers)
    if not 0 <= layer <= layers:
        raise ModelError("the model has no such layer to take sentence vectors from", layer, f"use 0 to {layers}")
    return layer


@dataclass(frozen=True)
class TextVectors:
    """Turns texts into vectors; `layer` counts from 0, the embeddings, and `pooling` is `mean` (or None) or `cls`."""

    model: ChainModel
    encoder: Encoder
    vocabulary: Vocabulary
    runtime: Runtime
    layer: int
    pooling: str | None
    notes: Notes | None = None
    precision: str = FLOAT32

    def of(self, texts: Sequence[str | tuple[str, str]]) -> Floats:
        """[texts, width] of texts, or of pairs of texts read together; special tokens take part in a mean.

        Equal texts are encoded once, and no layer after the one that is asked for is computed.
        """
        numbers = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        distinct = list(numbers)
        blocks = [self._block(distinct[start : start + BLOCK]) for start in range(0, len(distinct), BLOCK)]
        vectors = np.concatenate(blocks) if blocks else np.zeros((0, self.model.embeddings.shape[1]), dtype=np.float32)
        if len(distinct) == len(texts):
            return vectors
        return vectors[np.fromiter((numbers[text] for text in texts), np.int64, len(texts))]

    def _block(self, texts: Sequence[str | tuple[str, str]]) -> Floats:
        features = self.encoder.encode_plain(texts)
        device = torch.device(self.runtime.device)

        def forward(places: Ints) -> tuple[Tensor, None]:
            packed = pack([features[place] for place in places.tolist()], self.vocabulary, device)
            with autocast(device, self.precision):
                states = self.model.encode(packed, self.layer)
                return pooled(states, packed, self.pooling, self.model.family), None

        vectors: Floats = over_rows(lengths_of(features), batch_fit(self.runtime, "texts", self.notes), forward)[0]
        return vectors
