"""What share of 95 % intervals hold the truth, on data whose truth is known; the rest are differences claimed where none is.

Two arms have the same expected accuracy; seeds and items bring chance. Compared with what is often done instead:

* `compare`: `reports.statistics.compare`, what the reports show;
* `Satterthwaite`: the same two variances with pooled degrees of freedom;
* `seeds alone`: Student's t over the seeds' scores, as if the test set were the whole language;
* `items alone`: a bootstrap over items of the mean over seeds, as if these seeds were all;
* `both, naive`: a percentile bootstrap that draws seeds and items at once.

    python benchmarks/intervals.py [--draws 4000] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent.parent))

from reports.statistics.arms import Floats
from reports.statistics.compare import compare
from tests.reports.worlds import World, draw, of_hits

WORLDS = [
    World(seeds=seeds, items=500, between_seeds=between)
    for seeds in (1, 2, 3, 5, 10)
    for between in ((0.0,) if seeds == 1 else (0.0, 0.05, 0.2))
]
BOOTSTRAP = 400
METHODS = ("compare", "Satterthwaite", "seeds alone", "items alone", "both, naive")


def held(mine: Floats, other: Floats, rng: np.random.Generator) -> dict[str, bool]:
    """Whether each method's interval holds 0; a method that has none is left out."""
    found = compare(of_hits(mine), of_hits(other))
    assert found is not None
    answers = {"compare": found.low <= 0.0 <= found.high}
    differences = 100.0 * (mine - other)
    seeds, items = differences.shape
    if seeds > 1 and found.seed_error is not None and found.item_error is not None:
        parts = np.array([found.seed_error**2, found.item_error**2])
        freedom = parts.sum() ** 2 / max(1e-12, (parts**2 / [seeds - 1, items - 1]).sum())
        answers["Satterthwaite"] = abs(found.delta) <= stats.t.ppf(0.975, freedom) * found.error
        answers["seeds alone"] = abs(found.delta) <= stats.t.ppf(0.975, seeds - 1) * found.seed_error
    drawn = rng.multinomial(items, np.full(items, 1 / items), BOOTSTRAP) / items
    answers["items alone"] = _within(drawn @ differences.mean(0))
    if seeds > 1:
        chosen = rng.multinomial(seeds, np.full(seeds, 1 / seeds), BOOTSTRAP) / seeds
        answers["both, naive"] = _within(np.einsum("bs,si,bi->b", chosen, differences, drawn, optimize=True))
    return answers


def _within(values: Floats) -> bool:
    low, high = np.quantile(values, [0.025, 0.975])
    return bool(low <= 0.0 <= high)


def row(world: World, draws: int, seed: int) -> str:
    """One line of the table: coverage in percent by method."""
    rng = np.random.default_rng(seed)
    counts: dict[str, list[bool]] = {}
    for _ in range(draws):
        for name, answer in held(*draw(world, rng), rng).items():
            counts.setdefault(name, []).append(bool(answer))
    shown = [f"{100 * np.mean(counts[name]):.1f}" if name in counts else "" for name in METHODS]
    return f"| {world.seeds} | {world.between_seeds:g} | " + " | ".join(shown) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"Coverage in percent of intervals that promise 95, over {given.draws} draws of 500 items (synthetic):\n")
    print("| seeds | seeds differ by | " + " | ".join(METHODS) + " |")
    print("|---" * (2 + len(METHODS)) + "|")
    for world in WORLDS:
        print(row(world, given.draws, given.seed), flush=True)


if __name__ == "__main__":
    main()
