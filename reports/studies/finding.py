"""What an analysis hands back: the question, what was varied, estimates with intervals, an answer, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reports.statistics.compare import Comparison

ALPHA = 0.05


class Ruling(StrEnum):
    """What an estimate says of 0. `UNADJUSTED` leaves it out alone, but not among the others of its family."""

    ABOVE = "above 0"
    BELOW = "below 0"
    UNDECIDED = "undecided"
    UNADJUSTED = "undecided once adjusted"
    UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval, or `why` there is none. `over` says which targets or languages it is a mean of.

    `adjusted` is the p-value adjusted (Holm) for the estimates of its list.
    """

    name: str
    over: str = ""
    unit: str = "points"
    found: Comparison | None = None
    why: str = ""
    adjusted: float | None = None

    @property
    def ruling(self) -> Ruling:
        """Above or below 0 where the interval leaves 0 out and the adjusted p-value is below 0.05."""
        if self.found is None:
            return Ruling.UNKNOWN
        if self.found.low <= 0.0 <= self.found.high:
            return Ruling.UNDECIDED
        if self.adjusted is not None and self.adjusted >= ALPHA:
            return Ruling.UNADJUSTED
        return Ruling.ABOVE if self.found.delta > 0 else Ruling.BELOW

    @property
    def sure(self) -> bool:
        """Whether it is told from 0."""
        return self.ruling in (Ruling.ABOVE, Ruling.BELOW)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A number of a fitted curve with its confidence set; an end is None where the set has none. `says` is its reading."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """Further estimates under one title; they are a family of their own."""

    title: str
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class Spot:
    """A point of a plot, with its interval where it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Strand:
    """Spots of one kind, and the line that was fitted to them."""

    name: str
    spots: tuple[Spot, ...] = ()
    line: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Strands over one axis, by factors where `log`."""

    title: str
    x: str
    y: str
    strands: tuple[Strand, ...]
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Estimates as bars with their intervals, a row each."""

    title: str
    rows: tuple[Estimate, ...]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A headline estimate once `without` is left out of the data.

    `changed` says that its ruling is another, `outside` that it lies outside of the interval of the whole.
    """

    without: str
    estimate: Estimate
    changed: bool
    outside: bool


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One study's result. `design` are (what, how much); `headline` is what the answer rests on.

    `sensitivity` says in sentences what would change the answer, `moved` has the numbers behind it.
    """

    study: str
    question: str
    design: tuple[tuple[str, str], ...]
    answer: tuple[str, ...]
    headline: tuple[Estimate, ...] = ()
    details: tuple[Detail, ...] = ()
    fits: tuple[Fit, ...] = ()
    plots: tuple[Plot | Bars, ...] = ()
    sensitivity: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    notes: tuple[str, ...] = ()
    synthetic: bool = False


def holm(estimates: Sequence[Estimate], *, scopes_apart: bool = True) -> tuple[Estimate, ...]:
    """The estimates with p-values adjusted for their number (Holm 1979).

    The same estimates over all targets and over fewer repeat each other, so they are families of their own where
    `scopes_apart`.
    """
    families: dict[str, dict[int, float]] = {}
    for place, one in enumerate(estimates):
        if one.found is not None:
            families.setdefault(one.over if scopes_apart else "", {})[place] = one.found.p
    adjusted: dict[int, float] = {}
    for known in families.values():
        least = 0.0
        for rank, (place, p) in enumerate(sorted(known.items(), key=lambda item: item[1])):
            least = max(least, min(1.0, p * (len(known) - rank)))
            adjusted[place] = least
    return tuple(replace(one, adjusted=adjusted.get(place)) for place, one in enumerate(estimates))
