"""Training tokens of the study's grid, counted, in several ways to run it and with other choices of its space.

    python benchmarks/compare.py [--grid all] [--seeds-of-scores 3]

The grid as it is, then with other choices; published sizes where data is not at hand. Made-up scores decide what early stopping
ends, so every count is repeated with some seeds, and the range is shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search_spaces.reading import load_grid
from search_spaces.schema import Grid, PhaseSpace
from search_spaces.values import EpochsChoices, LearningRateChoices
from sweep.planning.compare import AIMS, OTHERS, comparison
from sweep.planning.nominal import nominal_plan
from sweep.planning.sizes import sizes_of

Rates = tuple[float, ...]
Epochs = tuple[int, ...]
CHOICES: tuple[tuple[str, Rates, Epochs, Epochs | None], ...] = (
    ("as it is", (5e-6, 1e-5), (3,), None),
    ("three learning rates", (5e-6, 1e-5, 2e-5), (3,), None),
    ("one learning rate", (1e-5,), (3,), None),
    ("one or two intermediate epochs", (5e-6, 1e-5), (1, 2), None),
    ("two or three epochs for every target", (5e-6, 1e-5), (3,), (2, 3)),
)
"""Intermediate learning rates and epochs, and epochs of every target phase (None: as the grid has them), that are tried."""


def with_choices(grid: Grid, rates: Rates, epochs: Epochs, target: Epochs | None) -> Grid:
    """A grid with other values to choose from."""
    space = grid.search.space
    changed: dict[str, Any] = {
        "intermediate": PhaseSpace(lr=LearningRateChoices(values=rates), epochs=EpochsChoices(values=epochs)),
    }
    if target is not None:
        changed |= {"target": space.target.model_copy(update={"epochs": EpochsChoices(values=target)}), "targets": {}}
    search = grid.search.model_copy(update={"space": space.model_copy(update=changed)})
    return grid.model_copy(update={"search": search})


def counted(grid: Grid, seeds: int) -> list[dict[str, Any]]:
    """The comparison with each seed of the scores."""
    plan = nominal_plan(grid, Path("nowhere"))
    sizes = sizes_of(plan, plan.digests)
    return [comparison(plan, sizes, seed) for seed in range(seeds)]


def spread(values: list[float]) -> str:
    """One number, or the range of several."""
    low, high = min(values), max(values)
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"


def ways_table(found: list[dict[str, Any]]) -> Iterator[str]:
    """Tokens and ratios of every way."""
    yield "| way | tokens, G | fewer than naive | fewer than once | fewer than once at one setting |"
    yield "|---|---:|---:|---:|---:|"
    for place, way in enumerate(found[0]["ways"]):
        each = [item["ways"][place] for item in found]
        ratios = " | ".join(spread([item["fewer"][other] for item in each]) for other in OTHERS)
        yield f"| {way['way']} | {spread([item['tokens'] / 1e9 for item in each])} | {ratios} |"


def choices_table(grid: Grid, seeds: int) -> Iterator[str]:
    """The ratios that are aimed at, with other choices."""
    heads = " | ".join(f"{other} ÷ {way} (aim {aim:g})" for way, other, aim in AIMS)
    yield f"| intermediate phases and targets | {heads} |"
    yield "|---|" + "---:|" * len(AIMS)
    for name, rates, epochs, target in CHOICES:
        found = counted(with_choices(grid, rates, epochs, target), seeds)
        aims = " | ".join(spread([item["aims"][place]["fewer"] for item in found]) for place in range(len(AIMS)))
        yield f"| {name} | {aims} |"


def main() -> None:
    """Print both tables in markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grid", default="all")
    parser.add_argument("--seeds-of-scores", type=int, default=3)
    given = parser.parse_args()
    grid = load_grid(given.grid)
    print("\n".join(ways_table(counted(grid, given.seeds_of_scores))))
    print()
    print("\n".join(choices_table(grid, given.seeds_of_scores)))


if __name__ == "__main__":
    main()
