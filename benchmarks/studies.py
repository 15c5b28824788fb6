"""Whether the analyses of the five studies hold what they promise, on made-up sweeps whose truth is known.

* intervals: what share of the 95 % intervals that an answer rests on hold the truth; in how many sweeps without any effect an
  answer claims one (and how often a claim has the wrong side where there are effects); how many of the true effects are found;
* columns: the same of a mean over languages that are drawn at random;
* sets: how often the confidence sets of a power law's exponent, and of the place where a line breaks, hold the truth.

    python benchmarks/studies.py [--draws 200] [--seed 1] [--only intervals sets columns] [--study dataset_size ...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from reports.frame import TransferTable
from reports.studies.finding import Estimate, Fit, holm
from reports.studies.registry import ANALYSES
from reports.studies.sheet import at_large
from reports.studies.view import View, view_of
from tests.reports.five_studies import (
    Drawn,
    Made,
    architecture,
    dataset_size,
    model_scale,
    multilingual_xnli,
    records_of,
    tables_of,
    task_diversity,
)
from training.record import TrialRecord

SEEDS = ((1, 2, 3), (1, 2, 3, 4, 5))
SHIFTS = (0.3, 1.0)
"""What a seed does to a point, in points."""
ITEMS = 150
ORDERS = 25
"""Sweeps with random orders of their own."""
NOUGHT, STIR = 1e-3, 1e-4
"""Points: what counts as no effect; how much items differ where the truth is looked up: without chance nothing is told."""
TWO = ("xnli", "panx")
Maker = Callable[[int], Made]
"""From a draw's number: orders of tasks are drawn anew."""
STUDIES: dict[str, tuple[Maker, Maker]] = {
    "dataset_size": (lambda draw: dataset_size(0.0, 0.0), lambda draw: dataset_size()),
    "multilingual_xnli": (lambda draw: multilingual_xnli(0.0, 0.0, low=0.0), lambda draw: multilingual_xnli()),
    "model_scale": (lambda draw: model_scale(0.0, 0.0), lambda draw: model_scale()),
    "task_diversity": (
        lambda draw: task_diversity(0.0, 0.0, budgets=(20_000,), spread=0.5, draw=draw),
        lambda draw: task_diversity(budgets=(20_000,), spread=0.5, draw=draw),
    ),
    "architecture": (lambda draw: architecture(0.0, 0.0, 0.0), lambda draw: architecture()),
}
"""Each without any effect, and with some. The best single task is worth more than the mean of nine in both."""


@dataclass(frozen=True)
class Judged:
    """Shares: of intervals that hold the truth, by estimate; of sweeps with a false claim; of effects that are found."""

    held: np.ndarray
    false: float
    found: float


@dataclass(frozen=True)
class Sweep:
    """A sweep to draw from, with its truth: what its settings are worth, and what they are on average over random orders."""

    made: Made
    records: list[TrialRecord]
    tables: list[TransferTable]
    exact: dict[str, float]
    mean: dict[str, float]

    def seen(self, rng: np.random.Generator, shift: float) -> View:
        """What an analysis would see."""
        return view_of(self.made.design, self.tables, Drawn(self.made, self.records, rng, shift=shift, items=ITEMS))


def sweeps(study: str, make: Maker, seeds: Sequence[int]) -> list[Sweep]:
    """One sweep; or of random orders as many as there are `ORDERS`."""
    first = _sweep(study, make(0), seeds)
    return (
        [first] if first.made.expected is None else [first, *(_sweep(study, make(place), seeds) for place in range(1, ORDERS))]
    )


def _sweep(study: str, made: Made, seeds: Sequence[int]) -> Sweep:
    targets = made.targets if len(made.targets) == 1 else TWO
    languages = made.languages if made.expected is None else ("de", "en")
    made = replace(made, targets=targets, languages=languages, seeds=tuple(seeds))
    records = records_of(made, noise=0.0)
    tables = tables_of(records)
    exact, mean = (
        _deltas(study, view_of(made.design, tables, _exactly(one, records)))
        for one in (made, replace(made, worth=made.expected or made.worth))
    )
    return Sweep(made, records, tables, exact, mean)


def _exactly(made: Made, records: list[TrialRecord]) -> Drawn:
    return Drawn(made, records, np.random.default_rng(0), shift=0.0, items=2, noise=STIR)


def _truth(one: Estimate, exact: dict[str, float], mean: dict[str, float]) -> float:
    """What a comparison with one setting is truly worth; slopes over orders are about orders at large."""
    return exact[one.name] if "minus the best single" in one.name else mean[one.name]


def _deltas(study: str, view: View) -> dict[str, float]:
    return {one.name: one.found.delta for one in ANALYSES[study].headline(view) if one.found is not None}


def judged(study: str, every: Sequence[Sweep], shift: float, draws: int, seed: int) -> Judged:
    """Draws of a study, and what its analysis says of them."""
    rng = np.random.default_rng(seed)
    held, false, found = [], [], []
    for place in range(draws):
        sweep = every[place % len(every)]
        estimates = [one for one in holm(ANALYSES[study].headline(sweep.seen(rng, shift))) if one.found is not None]
        truth = [_truth(one, sweep.exact, sweep.mean) for one in estimates]
        held.append([one.found.low <= true <= one.found.high for one, true in zip(estimates, truth, strict=True)])
        claims = [(one.sure, np.sign(one.found.delta), true) for one, true in zip(estimates, truth, strict=True)]
        false.append(any(sure and (abs(true) < NOUGHT or side != np.sign(true)) for sure, side, true in claims))
        found += [sure for sure, _, true in claims if abs(true) >= NOUGHT]
    return Judged(np.mean(held, axis=0), float(np.mean(false)), float(np.mean(found)) if found else float("nan"))


def intervals(draws: int, seed: int, studies: Collection[str]) -> Iterator[str]:
    """Coverage, false claims and power of some studies."""
    named = ("held, least to most", "any false claim, no effect", "any false claim, effects", "effects found")
    yield "| study | seeds | a seed shifts by | estimates | " + " | ".join(named) + " |"
    yield "|---" * 8 + "|"
    for study, (without, with_some) in ((name, made) for name, made in STUDIES.items() if name in studies):
        for seeds in SEEDS:
            made = [sweeps(study, make, seeds) for make in (without, with_some)]
            for shift in SHIFTS:
                nothing, some = (judged(study, every, shift, draws, seed + place) for place, every in enumerate(made))
                held = 100 * (nothing.held + some.held) / 2
                shown = f"{held.min():.1f} to {held.max():.1f} | {100 * nothing.false:.1f} | {100 * some.false:.1f}"
                shown += f" | {100 * some.found:.0f}"
                yield f"| {study} | {len(seeds)} | {shift:g} | {len(held)} | {shown} |"


def sets(draws: int, seed: int, studies: Collection[str]) -> Iterator[str]:
    """Coverage of the confidence sets, and how often they have two ends, of half as many draws."""
    yield "| set | true value | seeds | a seed shifts by | held | with two ends | none fits |"
    yield "|---" * 7 + "|"
    sizes = tuple(1000 * 4**place for place in range(6))
    cases: list[tuple[str, str, float, Maker]] = [
        ("exponent", "dataset_size", 0.3, lambda draw: dataset_size(6.0, 6.0, exponent=0.3, sizes=sizes)),
        ("exponent", "dataset_size", 0.8, lambda draw: dataset_size(6.0, 6.0, exponent=0.8, sizes=sizes)),
        ("breaks", "task_diversity", 4.0, lambda draw: task_diversity(budgets=(20_000,), spread=0.0, draw=draw)),
        (
            "breaks, tasks differ",
            "task_diversity",
            4.0,
            lambda draw: task_diversity(budgets=(20_000,), spread=0.5, draw=draw),
        ),
    ]
    for what, study, truth, make in (case for case in cases if case[1] in studies):
        for seeds in SEEDS:
            every = sweeps(study, make, seeds)
            for shift in SHIFTS:
                rng, seen = np.random.default_rng(seed), []
                for place in range(draws // 2):
                    view = every[place % len(every)].seen(rng, shift)
                    seen += [_holds(fit, truth) for fit in ANALYSES[study].fits(view) if what.split(",")[0] in fit.name]
                held, ends, none = np.mean(seen, axis=0)
                shown = f"{100 * held:.1f} | {100 * ends:.0f} | {100 * none:.0f}"
                yield f"| {what} | {truth:g} | {len(seeds)} | {shift:g} | {shown} |"


def _holds(fit: Fit, truth: float) -> tuple[bool, bool, bool]:
    none = "within their chance" in fit.says
    low, high = (-np.inf if fit.low is None else fit.low), (np.inf if fit.high is None else fit.high)
    return not none and low <= truth <= high, fit.low is not None and fit.high is not None, none


def columns(draws: int, seed: int, studies: Collection[str]) -> Iterator[str]:
    """Coverage of a mean over languages that count as drawn at random, of fifty times as many draws."""
    yield "| seeds | languages | deviations by seed, language, rest | held |"
    yield "|---" * 4 + "|"
    for seeds in (len(one) for one in SEEDS):
        for languages in (6, 14, 40):
            for by_seed, by_language, rest in ((0.3, 1.0, 0.5), (1.0, 0.3, 0.5), (0.3, 0.3, 1.0)):
                rng, held = np.random.default_rng(seed), []
                for _ in range(50 * draws):
                    values = rng.normal(0, rest, (seeds, languages))
                    values += rng.normal(0, by_seed, (seeds, 1)) + rng.normal(0, by_language, languages)
                    found = at_large(values)
                    held.append(found is not None and found.low <= 0.0 <= found.high)
                yield f"| {seeds} | {languages} | {by_seed:g}, {by_language:g}, {rest:g} | {100 * np.mean(held):.1f} |"


PARTS = {
    "intervals": (intervals, set(STUDIES)),
    "sets": (sets, {"dataset_size", "task_diversity"}),
    "columns": (columns, {"architecture"}),
}
"""Each with the studies that it is about."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--study", nargs="+", choices=STUDIES, default=list(STUDIES), metavar="NAME", help=", ".join(STUDIES))
    given = parser.parse_args()
    for name in (name for name in given.only if PARTS[name][1] & set(given.study)):
        begin = time.perf_counter()
        print(f"\n## {name}: {given.draws} draws (synthetic)\n")
        for line in PARTS[name][0](given.draws, given.seed, given.study):
            print(line, flush=True)
        print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
