"""Two texts in two languages with some sentences in common: bitext mining in the manner of BUCC 2018."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.world.meaning import Author, Event

SHARED = 0.25


@dataclass(frozen=True, slots=True)
class Comparable:
    """The events of both sides in order, and which (source, English) places say the same."""

    source: tuple[Event, ...]
    english: tuple[Event, ...]
    gold: tuple[tuple[int, int], ...]


def sentences_needed(side: int) -> int:
    """Different events that two sides of `side` sentences are made of."""
    return 2 * side - round(SHARED * side)


def comparable(author: Author, events: Sequence[Event], side: int) -> Comparable:
    """Two sides of `side` sentences each, of `sentences_needed` different events; `SHARED` of each side has a translation."""
    shared = round(SHARED * side)
    both = events[:shared]
    source, english = author.dice.shuffled(events[:side]), author.dice.shuffled([*both, *events[side:]])
    gold = sorted((source.index(event), english.index(event)) for event in both)
    return Comparable(tuple(source), tuple(english), tuple(gold))
