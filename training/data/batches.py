"""Batches: the features of an optimiser step's units, and the gold of single tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.columns import FeatureRows
from training.data.features import IGNORED, Encoded, Feature
from training.data.packs import Vocabulary

Ints = NDArray[np.int64]
_NONE: Ints = np.zeros(0, dtype=np.int64)


def unit_lengths(encoded: Encoded) -> list[int]:
    """Length in tokens of each unit: of its longest feature."""
    features = encoded.features
    lengths = features.lengths if isinstance(features, FeatureRows) else np.asarray([len(feature) for feature in features])
    found: list[int] = lengths.astype(np.int64).reshape(-1, encoded.group).max(axis=1).tolist()
    return found


def unit_features(encoded: Encoded, units: NDArray[np.int64]) -> list[Feature]:
    """The features of some units, a group's beside each other."""
    return [encoded.features[int(unit) * encoded.group + part] for unit in units for part in range(encoded.group)]


@dataclass(frozen=True)
class TokenGold:
    """What is to be told of single tokens: their places in a row, and the gold there, each [n]."""

    places: Ints
    labels: Ints

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.places)


def tag_gold(feature: Feature) -> TokenGold:
    """Gold tags of a row's words, each at one of its sub-words, without those that have none."""
    if feature.positions is None or feature.tags is None:
        return TokenGold(_NONE, _NONE)
    known = feature.tags != IGNORED
    return TokenGold(feature.positions[known].astype(np.int64), feature.tags[known].astype(np.int64))


def gold_places(golds: Sequence[TokenGold]) -> tuple[Ints, Ints, Ints]:
    """Rows, places and labels of the tokens of several rows, each [n], row after row."""
    rows = np.repeat(np.arange(len(golds)), [len(gold) for gold in golds])
    places = np.concatenate([gold.places for gold in golds]) if golds else _NONE
    labels = np.concatenate([gold.labels for gold in golds]) if golds else _NONE
    return rows, places, labels


def asked_tokens(
    features: Sequence[Feature], vocabulary: Vocabulary, generators: Iterable[np.random.Generator], rate: float = 0.15
) -> tuple[list[Feature], list[TokenGold]]:
    """Features with the tokens to be predicted of them: masked ones, or where tokens see no later ones each next one."""
    if vocabulary.causal:
        return list(features), [_next_tokens(feature) for feature in features]
    return mask_tokens(features, vocabulary.mask, vocabulary.size, generators, rate)


def _next_tokens(feature: Feature) -> TokenGold:
    """At each place but the last, the token that comes next."""
    return TokenGold(np.arange(len(feature) - 1), feature.ids[1:].astype(np.int64))


def mask_tokens(
    features: Sequence[Feature], mask_id: int, vocabulary: int, generators: Iterable[np.random.Generator], rate: float = 0.15
) -> tuple[list[Feature], list[TokenGold]]:
    """Choose tokens to predict, as BERT does: of `rate`, 80 % masked, 10 % replaced, 10 % kept; special tokens never.

    Each feature has at least one, drawn by its own of `generators` (or one that they share). Returns the changed features, and
    the tokens that stood at the chosen places.
    """
    golds, changed = [], []
    for feature, generator in zip(features, generators, strict=False):
        ids, gold = feature.ids.copy(), TokenGold(_NONE, _NONE)
        free = np.flatnonzero(feature.special == 0) if feature.special is not None else np.arange(len(ids))
        if len(free):
            count = max(1, round(rate * len(free)))
            places = generator.choice(free, size=count, replace=False)
            gold = TokenGold(places.astype(np.int64), ids[places].astype(np.int64))
            dice = generator.random(count)
            ids[places[dice < 0.8]] = mask_id
            swapped = places[dice >= 0.9]
            ids[swapped] = generator.integers(5, vocabulary, size=len(swapped))
        golds.append(gold)
        changed.append(Feature(ids=ids, types=feature.types, example=feature.example, special=feature.special))
    return changed, golds
