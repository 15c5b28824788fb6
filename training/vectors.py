"""Vectors of texts, from one layer of a chain's encoder: what retrieval compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.batches import collate
from training.data.encode import Encoder
from training.data.features import Feature
from training.errors import ModelError
from training.fitting import MORE_MEMORY, Fit, Notes, is_out_of_memory
from training.identity import Runtime
from training.losses import Vocabulary
from training.memory import release_memory
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


def batch_fit(runtime: Runtime, subject: str, notes: Notes | None) -> Fit:
    """The most padded tokens of an evaluation batch of `subject`: what was asked for, or less where that did not fit."""
    smaller = f"lower the `max_length` of the task, or {MORE_MEMORY}"
    return Fit(max(1, runtime.evaluation_tokens), f"an evaluation batch of {subject}", "tokens", notes, smaller)


def each_batch(features: Sequence[Feature], fit: Fit, forward: Callable[[list[int]], None]) -> None:
    """Give `forward` the places of features of similar length, at most `fit.size` padded tokens together, until all had a turn.

    Where memory runs out the same places come again in smaller batches; raises OutOfMemoryFault when one feature is too much.
    """
    order = sorted(range(len(features)), key=lambda place: (len(features[place]), place))
    done = 0
    while done < len(order):
        places = _batch(features, order, done, fit.size)
        try:
            forward(places)
            done += len(places)
            continue
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            seen = str(error).partition("\n")[0]
        release_memory()
        longest = len(features[places[-1]])
        fit.halve(len(places) * longest, seen, least=longest)


def _batch(features: Sequence[Feature], order: Sequence[int], start: int, tokens: int) -> list[int]:
    """The places from `start` on that fit together, one at least; `order` is by length."""
    batch: list[int] = []
    for place in order[start : start + max(1, tokens)]:
        if batch and (len(batch) + 1) * len(features[place]) > tokens:
            break
        batch.append(place)
    return batch


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

    def of(self, texts: Sequence[str | tuple[str, str]]) -> Floats:
        """[texts, width] of texts, or of pairs of texts read together; special tokens take part in a mean."""
        features = self.encoder.encode_plain(texts)
        device = torch.device(self.runtime.device)
        vectors = np.zeros((len(features), int(self.model.backbone.config.hidden_size)), dtype=np.float32)

        def forward(places: list[int]) -> None:
            inputs = collate([features[place] for place in places], self.vocabulary.pad, device, types=self.vocabulary.types)
            hidden = self.model.encode_layer(inputs, self.layer)
            vectors[places] = pooled(hidden, inputs["attention_mask"], self.pooling).float().cpu().numpy()

        each_batch(features, batch_fit(self.runtime, "texts", self.notes), forward)
        return vectors
