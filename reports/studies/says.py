"""Sentences that studies make from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from reports.numbers import signed, span
from reports.statistics.compare import Covers
from reports.studies.finding import Estimate, Ruling

NARROW = {
    Covers.ITEMS: "Intervals are about the test items of one seed: another seed may lie outside of them.",
    Covers.SEEDS: "Intervals are about the seeds alone, as if the test sets were the whole languages.",
}


def sized(one: Estimate) -> str:
    """`+1.2 points (95 % interval +0.3 to +2.1)`, or why there is no number."""
    if one.found is None:
        return f"not known ({one.why})"
    return f"{measured(one.found.delta)} {one.unit} (95 % interval {span(one.found.low, one.found.high)})"


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


def narrow(estimates: Sequence[Estimate]) -> str:
    """What the intervals leave out; empty where they are about seeds and items."""
    covers = {one.found.covers for one in estimates if one.found is not None}
    return next((said for kind, said in NARROW.items() if kind in covers), "")


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
