"""What a claim is judged to be: plain values for the terminal, the report and a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from reports.claims.study import Published


class Ruling(StrEnum):
    """What the user's own records say of a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "not decidable"


@dataclass(frozen=True, kw_only=True)
class Lack:
    """What a grid would need: entries of its keys `intermediates` (as they are written there), `targets` and `seeds`.

    `unfinished` are pairs that the grid has and that have no score yet; `other` is what no key of a grid mends.
    """

    intermediates: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    seeds: bool = False
    unfinished: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.intermediates, self.targets, self.seeds, self.unfinished, self.other))


def together(lacks: Iterable[Lack]) -> Lack:
    """Everything that several lack, each thing once, in order."""
    several = list(lacks)
    return Lack(
        intermediates=_once(name for one in several for name in one.intermediates),
        targets=_once(name for one in several for name in one.targets),
        seeds=any(one.seeds for one in several),
        unfinished=_once(name for one in several for name in one.unfinished),
        other=_once(name for one in several for name in one.other),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One contrast: the difference in points with its 95 % interval, or what is lacking."""

    compares: str
    ruling: Ruling
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    covers: str = ""
    published: Published | None = None
    lack: Lack = field(default_factory=Lack)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One question: how many of its contrasts hold, how many do not, and how many it takes."""

    asks: str
    ruling: Ruling
    needed: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One claim judged on one model's records. `counts` says whether it counts for the exit code."""

    number: int
    model: str
    says: str
    ruling: Ruling
    found: tuple[Found, ...] = ()
    lack: Lack = field(default_factory=Lack)
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    counts: bool = True


def all_of(rulings: Iterable[Ruling]) -> Ruling:
    """What holds where all have to: contradicted as soon as one is."""
    seen = list(rulings)
    if Ruling.CONTRADICTED in seen:
        return Ruling.CONTRADICTED
    return Ruling.SUPPORTED if seen and set(seen) == {Ruling.SUPPORTED} else Ruling.UNDECIDED
