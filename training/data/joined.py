"""One task's features in several languages, end to end, read where they lie."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from training.data.features import Encoded, Feature
from training.errors import DataError


@dataclass(frozen=True, slots=True)
class Joined(Encoded):
    """Several encoded splits of one task as one; `parts` in order. `Feature.example` still counts inside its own part."""

    parts: tuple[Encoded, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training units of each part."""
        return tuple(len(part) for part in self.parts)


def join(parts: Sequence[Encoded]) -> Encoded:
    """Splits of one task, end to end; the only one as it is. Raises DataError when their numbers of endings differ."""
    if len(parts) == 1:
        return parts[0]
    groups = {part.group for part in parts if len(part)}
    if len(groups) > 1:
        remedy = "train on languages whose files agree"
        raise DataError(f"{parts[0].row.name}: its languages differ in their number of endings", sorted(groups), remedy)
    return Joined(
        row=parts[0].row,
        examples=(),
        features=Chained([part.features for part in parts]),
        group=groups.pop() if groups else 1,
        tokens=sum(part.tokens for part in parts),
        parts=tuple(parts),
    )


class Chained(Sequence[Feature]):
    """Sequences of features, one after the other, none of them copied."""

    def __init__(self, parts: Sequence[Sequence[Feature]]) -> None:
        self._parts = list(parts)
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> Feature: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Feature]: ...

    def __getitem__(self, index: int | slice) -> Feature | Sequence[Feature]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        part = bisect_right(self._ends, place)
        return self._parts[part][place - (self._ends[part - 1] if part else 0)]
