"""Sentences that studies make from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from reports.page.words import signed, span
from reports.statistics.compare import Covers
from reports.studies.finding import Estimate, Ruling

NARROW = {Covers.ITEMS: ", about the test items of one seed", Covers.SEEDS: ", about the seeds alone"}


def sized(one: Estimate) -> str:
    """`+1.2 points (95 % interval +0.3 to +2.1)`, or why there is no number."""
    if one.found is None:
        return f"not known ({one.why})"
    found = one.found
    return f"{measured(found.delta)} {one.unit} (95 % interval {span(found.low, found.high)}{NARROW.get(found.covers, '')})"


def measured(value: float) -> str:
    """A difference with its sign; one that rounds to nothing keeps more digits."""
    return next((text for digits in (1, 2, 3) if (text := signed(value, digits)).strip("0.")), signed(value))


def ruled(one: Estimate, above: str, below: str, undecided: str) -> str:
    """One of three sentences by what an estimate says of 0, with its size."""
    words = {Ruling.ABOVE: above, Ruling.BELOW: below}.get(one.ruling, undecided)
    caveat = "; not once adjusted for the others" if one.ruling is Ruling.UNADJUSTED else ""
    return f"{words}: {sized(one)}{caveat}."


def find(estimates: Sequence[Estimate], name: str) -> Estimate | None:
    """The first estimate of this name, which is that over all targets."""
    return next((one for one in estimates if one.name == name), None)


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
