"""What the search does for a large sweep, in virtual time: utilisation and makespan, its own cost, what early stopping loses.

The real planner, studies, board and journal run the grid `all` on simulated clusters, against a plain queue on equal machines
with the same faults. Counts and virtual times are the same in every run; the search's own times are processor seconds of
this machine, best of three.

    python benchmarks/simulate.py > benchmarks/simulate.md
"""

from __future__ import annotations

import math
import os
import platform
from statistics import fmean, stdev
from typing import Any

from search_spaces.reading import load_grid
from search_spaces.schema import Grid, Stopping
from sweep.simulate.arms import MEANINGS, Arm, Figures, Scenario, Simulated, simulate, simulated
from sweep.simulate.table import COLUMNS, rows_of

GPUS = (1, 8, 64, 512)
SEEDS = range(12)
RULES = (((0.125, 0.375), 0.34), ((0.25, 0.5), 0.34), ((0.25, 0.5), 0.5), ((0.5,), 0.34))
ROUNDS = 3
SCALE = {Arm.TREE: 49, Arm.STOPPING: 132}
"""Settings a pair with which the grid has ten thousand trials that end, with and without early stopping."""
PARTS = ("plan", "open", "next", "told", "committed", "journal")


def with_search(grid: Grid, **changes: Any) -> Grid:
    """The grid with other values of its `search` section."""
    return grid.model_copy(update={"search": grid.search.model_copy(update=changes)})


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a table."""
    print("|", " | ".join(head), "|")
    print("|" + "---|" * len(head))
    for row in rows:
        print("|", " | ".join(row), "|")
    print()


def clusters(grid: Grid) -> None:
    """Every way of scheduling on every size of cluster."""
    print("## Utilisation and makespan\n")
    for arm, meaning in MEANINGS.items():
        print(f"* `{arm}`: {meaning}.")
    print()
    markdown(COLUMNS, list(rows_of(list(simulated(grid, GPUS, Scenario())))))


def rounds(grid: Grid) -> None:
    """How many settings a study asks for at once decides how many GPUs it can use."""
    print("## Settings asked for at once, with early stopping on 64 GPUs\n")
    rows = []
    for at_once in (1, 3, 9):
        figures = simulate(with_search(grid, at_once=at_once), Arm.STOPPING, 64, Scenario()).figures
        hours = (f"{figures.makespan / 3600:.2f}", f"{figures.gpu_seconds / 3600:.1f}")
        rows.append((str(at_once), *hours, f"{figures.idle:.0%}", f"{figures.worth:.2f}"))
    markdown(("at once", "makespan, h", "GPU-h", "idle", "worth"), rows)


def loss(grid: Grid) -> None:
    """What early stopping loses of the chosen settings' worth, over seeds, by where its rungs are."""
    print(f"## What early stopping loses, by its rungs, over {len(SEEDS)} seeds\n")
    print(
        "Worth: English dev of the settings that are chosen, without noise, in the mean over pairs. A seed has its own curves,"
    )
    print("its own settings and its own noise; differences are by seed.\n")
    rows = []
    for curves in ("measured", "power"):
        trees = [_of_seed(grid, Arm.TREE, curves, seed) for seed in SEEDS]
        rows.append((curves, "none", f"{fmean(worth(tree) for tree in trees):.2f}", "", "1.00"))
        for rungs, keep in RULES:
            changes = {"rungs": rungs, "keep": keep}
            stopping = with_search(grid, stopping=(grid.search.stopping or Stopping()).model_copy(update=changes))
            found = [_of_seed(stopping, Arm.STOPPING, curves, seed) for seed in SEEDS]
            lost = [worth(item) - worth(tree) for item, tree in zip(found, trees, strict=True)]
            spread = stdev(lost) / math.sqrt(len(lost))
            fewer = fmean(tree.tokens / item.tokens for item, tree in zip(found, trees, strict=True))
            said = f"{', '.join(map(str, rungs))}; keep {keep}"
            left = f"{fmean(map(worth, found)):.2f}"
            rows.append((curves, said, left, f"{fmean(lost):+.2f} ± {spread:.2f}", f"{fewer:.2f}"))
    markdown(("curves", "rungs", "worth", "difference ± standard error", "x fewer tokens"), rows)


def _of_seed(grid: Grid, arm: Arm, curves: str, seed: int) -> Figures:
    scenario = Scenario(curves=curves, curve_seed=seed, preempt=0.0, fail=0.0)
    return simulate(with_search(grid, seed=seed), arm, 8, scenario).figures


def worth(figures: Figures) -> float:
    """What the chosen settings are worth; 0 where nothing was searched."""
    return figures.worth or 0.0


def scale(grid: Grid) -> None:
    """Ten thousand trials: what the controller takes, in processor seconds, and what it keeps in memory."""
    print("## Ten thousand trials on 64 GPUs: processor seconds of the controller\n")
    best: dict[Arm, Simulated] = {}
    for _ in range(ROUNDS):
        for arm, settings in SCALE.items():
            run = simulate(with_search(grid, trials=settings), arm, 64, Scenario())
            if arm not in best or total(run) < total(best[arm]):
                best[arm] = run
    rows = []
    for arm, run in best.items():
        count = run.figures.trials
        settings = sum(map(len, run.settings.values()))
        parts = tuple(f"{run.cost.controller.get(part, 0.0):.2f}" for part in PARTS)
        rows.append((str(arm), f"{count:,}", f"{settings:,}", *parts, f"{total(run):.2f}", f"{total(run) / count * 1e3:.2f}"))
    markdown(("arm", "trials", "settings", *PARTS, "in all, s", "ms a trial"), rows)
    kept = [f"{arm} {run.cost.memory / run.figures.trials / 1024:.1f}" for arm, run in best.items()]
    print(f"The process grew by (KiB a trial): {', '.join(kept)}.")


def total(run: Simulated) -> float:
    """Processor seconds of the controller in all."""
    return sum(run.cost.controller.values())


def main() -> None:
    """Print the document."""
    grid = load_grid("all")
    print("# A large sweep in virtual time\n")
    of, machine = Scenario(), f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}"
    print("Made by `python benchmarks/simulate.py`: the grid `all` with published sizes and scores from learning curves.")
    print(f"Assumed: {of.rate:,.0f} training tokens a second and GPU, {of.start:g} s a start, {of.checkpoint:g} s between")
    print(f"checkpoints, workers that join over {of.joins:g} s; an hour and GPU has {of.preempt:g} preemptions")
    print(f"({of.notice:g} s notice, replaced after {of.replaced:g} s) and {of.fail:g} failures. Seed {of.seed}.")
    print(f"Controller: processor seconds on {machine}, best of {ROUNDS}.\n")
    clusters(grid)
    rounds(grid)
    loss(grid)
    scale(grid)


if __name__ == "__main__":
    main()
