"""Batches: how the features of an optimiser step's units become tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.columns import FeatureRows
from training.data.features import IGNORED, Encoded, Feature


def unit_lengths(encoded: Encoded) -> list[int]:
    """Length in tokens of each unit: of its longest feature."""
    features = encoded.features
    lengths = features.lengths if isinstance(features, FeatureRows) else np.asarray([len(feature) for feature in features])
    found: list[int] = lengths.astype(np.int64).reshape(-1, encoded.group).max(axis=1).tolist()
    return found


def unit_features(encoded: Encoded, units: NDArray[np.int64]) -> list[Feature]:
    """The features of some units, a group's beside each other."""
    return [encoded.features[int(unit) * encoded.group + part] for unit in units for part in range(encoded.group)]


def collate(features: Sequence[Feature], pad: int, device: torch.device, *, types: bool) -> dict[str, Tensor]:
    """Model inputs, each [batch, length], padded to the longest: `input_ids`, `attention_mask`, `token_type_ids` where used."""
    longest = max(len(feature) for feature in features)
    ids = np.full((len(features), longest), pad, dtype=np.int64)
    kinds = np.zeros((len(features), longest), dtype=np.int64)
    mask = np.zeros((len(features), longest), dtype=np.int64)
    for index, feature in enumerate(features):
        ids[index, : len(feature)] = feature.ids
        kinds[index, : len(feature)] = feature.types
        mask[index, : len(feature)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": kinds} if types else {})
    return {name: torch.from_numpy(value).to(device) for name, value in inputs.items()}


def tag_labels(features: Sequence[Feature]) -> Tensor:
    """Gold tags at first sub-words and -100 elsewhere, [batch, length]."""
    labels = torch.full((len(features), max(len(feature) for feature in features)), IGNORED, dtype=torch.long)
    for index, feature in enumerate(features):
        if feature.positions is not None and feature.tags is not None:
            labels[index, torch.from_numpy(feature.positions).long()] = torch.from_numpy(feature.tags).long()
    return labels


def mask_tokens(
    features: Sequence[Feature], mask_id: int, vocabulary: int, generators: Iterable[np.random.Generator], rate: float = 0.15
) -> tuple[list[Feature], Tensor]:
    """Choose tokens to predict, as BERT does: of `rate`, 80 % masked, 10 % replaced, 10 % kept; special tokens never.

    Each feature has at least one, drawn by its own of `generators` (or one that they share). Returns the changed features, and
    the labels with -100 elsewhere, [batch, length].
    """
    labels = torch.full((len(features), max(len(feature) for feature in features)), IGNORED, dtype=torch.long)
    changed = []
    for index, (feature, generator) in enumerate(zip(features, generators, strict=False)):
        ids = feature.ids.copy()
        free = np.flatnonzero(feature.special == 0) if feature.special is not None else np.arange(len(ids))
        if len(free):
            count = max(1, round(rate * len(free)))
            places = generator.choice(free, size=count, replace=False)
            labels[index, torch.from_numpy(places)] = torch.from_numpy(ids[places].astype(np.int64))
            dice = generator.random(count)
            ids[places[dice < 0.8]] = mask_id
            swapped = places[dice >= 0.9]
            ids[swapped] = generator.integers(5, vocabulary, size=len(swapped))
        changed.append(Feature(ids=ids, types=feature.types, example=feature.example, special=feature.special))
    return changed, labels
