"""What a simulation shows: a table of utilisation and makespan for every size of cluster, what the controller cost, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sweep.simulate.arms import MEANINGS, Arm, Figures, Scenario, Simulated

if TYPE_CHECKING:
    from rich.table import Table

HOUR = 3600.0
COLUMNS = (
    "GPUs",
    "scheduling",
    "makespan, h",
    "x faster",
    "GPU-h",
    "x fewer tokens",
    "useful",
    "held",
    "wasted",
    "idle",
    "best",
    "worth",
)


def rows_of(results: Sequence[Simulated]) -> Iterator[tuple[str, ...]]:
    """Rows of the table; ratios are against the plain queue on as many GPUs."""
    for _, group in groupby((item.figures for item in results), key=lambda item: item.gpus):
        arms = list(group)
        plain = next(item for item in arms if item.arm == Arm.QUEUE)
        for item in arms:
            yield _row(item, plain)


def _row(item: Figures, plain: Figures) -> tuple[str, ...]:
    shares = (f"{share:.0%}" for share in (item.useful, item.held, item.wasted, item.idle))
    return (
        str(item.gpus),
        item.arm,
        f"{item.makespan / HOUR:.2f}",
        f"{plain.makespan / item.makespan:.2f}",
        f"{item.gpu_seconds / HOUR:.1f}",
        f"{plain.tokens / item.tokens:.2f}" if item.tokens else "–",
        *shares,
        "–" if item.best is None else f"{item.best:.2f}",
        "–" if item.worth is None else f"{item.worth:.2f}",
    )


def render(results: Sequence[Simulated]) -> Table:
    """The table for a terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if number == 1 else "right")
    gpus = ""
    for row in rows_of(results):
        if gpus and row[0] != gpus:
            table.add_section()
        table.add_row("" if row[0] == gpus else row[0], *row[1:])
        gpus = row[0]
    return table


def notes(results: Sequence[Simulated], scenario: Scenario) -> list[str]:
    """What stands below the table: what the words mean, what was assumed, and what the controller took."""
    lines = [f"{arm}: {meaning}" for arm, meaning in MEANINGS.items()]
    lines.append("best: the best English dev score; worth: the chosen setting's without noise; both in the mean over pairs")
    lines.append(
        f"Virtual time, published sizes, {scenario.rate:,.0f} training tokens a second and GPU (assumed), {scenario.curves} "
        f"curves, seed {scenario.seed}; an hour and GPU has {scenario.preempt:g} preemptions and {scenario.fail:g} failures."
    )
    searched = [item for item in results if item.figures.best is not None]
    if searched:
        most = max(searched, key=lambda item: item.figures.trials)
        lines.append(_controller(most))
    return lines


def _controller(item: Simulated) -> str:
    parts = ", ".join(f"{what} {seconds:.2f}" for what, seconds in item.cost.controller.items())
    figures, total = item.figures, sum(item.cost.controller.values())
    grown = item.cost.memory / max(1, figures.trials) / 1024
    return (
        f"Controller, {figures.arm} on {figures.gpus} GPUs: {figures.trials:,} trials in {total:.2f} processor seconds "
        f"({parts}); the process grew by {grown:.1f} KiB a trial."
    )


def as_json(grid: str, results: Sequence[Simulated], scenario: Scenario) -> str:
    """Everything, for a program: `figures` are the same in every replay, `cost` is of this machine and this time."""
    runs: list[Mapping[str, Any]] = [{"figures": asdict(item.figures), "cost": asdict(item.cost)} for item in results]
    return json.dumps({"grid": grid, "scenario": asdict(scenario), "runs": runs}, indent=1)
