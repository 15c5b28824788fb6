"""Lets through what nobody has read: examples none of whose events the corpus, or another evaluation set, states."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from training.world.meaning import Event

T = TypeVar("T")


class Sift(Protocol):
    """`evaluation` or `training` of a sieve."""

    def __call__(
        self,
        count: int,
        make: Callable[[int], Sequence[T]],
        events: Callable[[T], Iterable[Event]],
        label: Callable[[T], Hashable] | None = None,
        labels: int = 1,
    ) -> list[T]:
        """`count` of the examples that `make` makes."""


class Sieve:
    """Keeps examples of events that are not `stated`; as it goes it adds what an evaluation set keeps to `evaluated`."""

    def __init__(self, stated: Collection[Event], evaluated: set[Event]) -> None:
        """A sieve for evaluation sets; `evaluated` is shared with the sieve for training sets (`for_training`)."""
        self._stated, self.evaluated = stated, evaluated

    def evaluation(
        self,
        count: int,
        make: Callable[[int], Sequence[T]],
        events: Callable[[T], Iterable[Event]],
        label: Callable[[T], Hashable] | None = None,
        labels: int = 1,
    ) -> list[T]:
        """`count` examples for dev or test, as many of each of the `labels` classes as of the others."""
        kept = _kept(count, make, lambda item: self._unread(events(item)), label, labels)
        self.evaluated.update(event for item in kept for event in events(item))
        return kept

    def training(
        self,
        count: int,
        make: Callable[[int], Sequence[T]],
        events: Callable[[T], Iterable[Event]],
        label: Callable[[T], Hashable] | None = None,
        labels: int = 1,
    ) -> list[T]:
        """`count` examples to learn from, which state no event of an evaluation set."""
        return _kept(count, make, lambda item: self.evaluated.isdisjoint(events(item)), label, labels)

    def _unread(self, events: Iterable[Event]) -> bool:
        return not any(event in self._stated or event in self.evaluated for event in events)


def _kept(
    count: int,
    make: Callable[[int], Sequence[T]],
    passes: Callable[[T], bool],
    label: Callable[[T], Hashable] | None,
    labels: int,
) -> list[T]:
    room = -(-count // labels)
    counts: dict[Hashable, int] = {}
    kept: list[T] = []
    while len(kept) < count:
        for item in make(count):
            name = label(item) if label else None
            if len(kept) < count and counts.get(name, 0) < room and passes(item):
                counts[name] = counts.get(name, 0) + 1
                kept.append(item)
    return kept
