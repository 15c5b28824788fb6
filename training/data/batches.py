"""Batches: which units are drawn at each optimiser step, and how their features become tensors.

What is drawn is a function of (seed, epoch) alone, so a phase that stops and starts again sees the batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.features import IGNORED, Encoded, Feature
from training.identity import Mixing


@dataclass(frozen=True, slots=True)
class Draw:
    """The units of one optimiser step: all of one task (`source` indexes the phase's tasks)."""

    source: int
    units: NDArray[np.int64]


def epoch_draws(
    sizes: Sequence[int],
    batch: int,
    mixing: Mixing,
    seed: int,
    epoch: int,
    *,
    lengths: Sequence[Sequence[int]] = (),
    pool: int = 0,
) -> list[Draw]:
    """The steps of one epoch: min(size, cap) units of each task, in batches of one task, shuffled.

    Examples-proportional with a cap, as in T5 (arXiv 1910.10683, equation 1) and the study's multi-task phase. With `pool`,
    each run of that many batches is sorted by the units' `lengths` (a list a task) before it is cut.
    """
    generator = np.random.default_rng([seed, epoch, 7919])
    draws = []
    for source, size in enumerate(sizes):
        order = generator.permutation(size)[: min(size, mixing.cap)]
        if pool:
            order = _sorted_in_pools(order, np.asarray(lengths[source]), batch * pool)
        draws += [Draw(source, order[start : start + batch]) for start in range(0, len(order), batch)]
    return [draws[index] for index in generator.permutation(len(draws))]


def _sorted_in_pools(order: NDArray[np.int64], lengths: NDArray[np.int64], pool: int) -> NDArray[np.int64]:
    parts = [order[start : start + pool] for start in range(0, len(order), pool)]
    return np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])


def unit_lengths(encoded: Encoded) -> list[int]:
    """Length in tokens of each unit: of its longest feature."""
    lengths = [len(feature) for feature in encoded.features]
    return [max(lengths[start : start + encoded.group]) for start in range(0, len(lengths), encoded.group)]


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
