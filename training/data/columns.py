"""Features in columns: flat arrays with the places where rows begin, so that a split is a few arrays and not a million objects.

| column | type, shape | holds |
|---|---|---|
| rows | int64 [features + 1] | where each feature's tokens begin |
| ids, types | int32, uint8 [tokens] | sub-words and their segments |
| example | int32 [features] | the index of the example |
| label | int32 [features, 2] | a class (class, -1), a span (start, end), or none (-1, -1) |
| special | uint8 [tokens] | 1 at special tokens; where the kind has it |
| offsets | int32 [tokens, 2] | characters of the context; where the kind has them |
| places | int64 [features + 1] | where each feature's words begin in the columns below; tagging alone has these |
| positions, words, tags | int32 [words] | first sub-words, their words, and their tags |
| tagged | uint8 [features] | whether the tags are known |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from training.data.features import Feature

NONE = -1
Columns = Mapping[str, NDArray[Any]]
"""Arrays by name; see the module's docstring."""

TYPES: Mapping[str, str] = {
    "rows": "<i8",
    "places": "<i8",
    "ids": "<i4",
    "example": "<i4",
    "label": "<i4",
    "offsets": "<i4",
    "positions": "<i4",
    "words": "<i4",
    "tags": "<i4",
    "types": "|u1",
    "special": "|u1",
    "tagged": "|u1",
}
"""Little-endian types of the columns, the widest first, as they lie in a file."""
PAIRS = ("label", "offsets")
BEGINNINGS = ("rows", "places")
BY_TOKEN = ("ids", "types", "special", "offsets")
BY_FEATURE = ("example", "label", "tagged")
BY_WORD = ("positions", "words", "tags")
ALWAYS = ("rows", "ids", "types", "example", "label")


def bounds(lengths: Iterable[int]) -> NDArray[np.int64]:
    """Where rows of these lengths begin, and where the last ends: [rows + 1]."""
    found = np.fromiter(lengths, dtype=np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(found)])


def flat(name: str, parts: Iterable[Sequence[int]], count: int) -> NDArray[Any]:
    """The numbers of `parts`, `count` together, one after the other, in the type of the column `name`."""
    return np.fromiter(chain.from_iterable(parts), dtype=TYPES[name], count=count)


def label_column(labels: Iterable[int | tuple[int, int] | None]) -> NDArray[np.int32]:
    """[features, 2]; see the module's docstring."""
    pairs = [label if isinstance(label, tuple) else (NONE if label is None else label, NONE) for label in labels]
    return np.asarray(pairs, dtype=np.int32).reshape(-1, 2)


def gather(features: Sequence[Feature]) -> dict[str, NDArray[Any]]:
    """The columns of some features of one kind."""
    found: dict[str, NDArray[Any]] = {
        "rows": bounds(len(feature) for feature in features),
        "ids": _joined("ids", [feature.ids for feature in features]),
        "types": _joined("types", [feature.types for feature in features]),
        "example": np.asarray([feature.example for feature in features], dtype=np.int32),
        "label": label_column(feature.label for feature in features),
    }
    first = features[0] if features else None
    if first is not None and first.special is not None:
        found["special"] = _joined("special", [_present(feature.special) for feature in features])
    if first is not None and first.offsets is not None:
        found["offsets"] = _joined("offsets", [_present(feature.offsets) for feature in features])
    if first is not None and first.words is not None:
        words = [_present(feature.words) for feature in features]
        found["places"] = bounds(len(part) for part in words)
        found["words"] = _joined("words", words)
        found["positions"] = _joined("positions", [_present(feature.positions) for feature in features])
        unknown = [np.full(len(part), NONE) for part in words]
        tags = [none if feature.tags is None else feature.tags for feature, none in zip(features, unknown, strict=True)]
        found["tags"] = _joined("tags", tags)
        found["tagged"] = np.asarray([feature.tags is not None for feature in features], dtype=np.uint8)
    return found


def concatenated(blocks: Sequence[Columns], examples: Sequence[int]) -> Columns:
    """Blocks of columns, one after the other; `examples` is the number of examples that gave each."""
    if len(blocks) == 1:
        return blocks[0]
    firsts = bounds(examples)[:-1].tolist()
    found = {}
    for name in blocks[0]:
        parts = [block[name] for block in blocks]
        if name == "example":
            parts = [part + first for part, first in zip(parts, firsts, strict=True)]
        if name in BEGINNINGS:
            found[name] = bounds(length for part in parts for length in np.diff(part).tolist())
        else:
            found[name] = np.concatenate(parts).astype(TYPES[name], copy=False)
    return found


def _present(array: NDArray[Any] | None) -> NDArray[Any]:
    if array is None:
        raise AssertionError("features of one split are of one kind")
    return array


def _joined(name: str, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if not parts:
        return np.zeros((0, 2) if name in PAIRS else 0, dtype=TYPES[name])
    return np.concatenate(parts).astype(TYPES[name])


class FeatureRows(Sequence[Feature]):
    """Features that are built when they are asked for; each is a copy and outlives the columns."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns["example"])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length in tokens of each feature, [features]."""
        return np.diff(self.columns["rows"])

    @overload
    def __getitem__(self, index: int) -> Feature: ...

    @overload
    def __getitem__(self, index: slice) -> list[Feature]: ...

    def __getitem__(self, index: int | slice) -> Feature | list[Feature]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return self._feature(place)

    def _feature(self, place: int) -> Feature:
        columns = self.columns
        start, end = columns["rows"][place : place + 2].tolist()
        extra = {name: columns[name][start:end].astype(np.int32) for name in ("special", "offsets") if name in columns}
        if "places" in columns:
            first, last = columns["places"][place : place + 2].tolist()
            kept = BY_WORD if columns["tagged"][place] else BY_WORD[:2]
            extra |= {name: columns[name][first:last].astype(np.int32) for name in kept}
        one, other = columns["label"][place].tolist()
        return Feature(
            ids=columns["ids"][start:end].astype(np.int32),
            types=columns["types"][start:end].astype(np.int32),
            example=int(columns["example"][place]),
            label=None if one == NONE else one if other == NONE else (one, other),
            **extra,
        )


def columns_of(features: Sequence[Feature]) -> Columns:
    """The columns that features are rows of; they are made where there are none."""
    return features.columns if isinstance(features, FeatureRows) else gather(features)


def lengths_of(features: Sequence[Feature]) -> NDArray[np.int64]:
    """Length in tokens of each feature, [features]."""
    if isinstance(features, FeatureRows):
        return features.lengths
    return np.fromiter((len(feature) for feature in features), np.int64, len(features))
