"""What is checked before anything is trained: the data is read as a whole, and the resources asked for can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.schema import Grid
from sweep.planning.memory import check_memory
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan
from training.data.checking import count_examples
from training.data.loading import DataSource
from training.errors import UserError


def check_data(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, int]:
    """Read every split that the grid needs; returns examples a split, raises `Faults` listing what is wrong in all of them."""
    return count_examples(needed_splits(grid, sources), sources, f"the data of grid {grid.name}")


def check_resources(wanted: Mapping[str, float], nodes: list[Mapping[str, float]]) -> None:
    """Raises UserError when no node of the cluster could ever run a trial: Ray itself would wait for ever."""
    if any(all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in nodes):
        return
    asked = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items())
    machines = [", ".join(f"{node.get(name, 0.0):g} {name}" for name in wanted) for node in nodes]
    raise UserError(
        f"no machine of this cluster can run a trial: a trial needs {asked}",
        f"its machines have {'; '.join(dict.fromkeys(machines)) or 'none that is alive'}",
        "lower `resources` in the grid, or add machines that have what it asks for",
    )


def node_resources(nodes: list[dict[str, Any]]) -> list[Mapping[str, float]]:
    """Resources of the machines that are alive, from `ray.nodes()`."""
    return [node["Resources"] for node in nodes if node.get("Alive")]


def check_fits(plan: Plan, nodes: list[Mapping[str, float]]) -> None:
    """Raises UserError when no machine has the memory for a trial on its CPU, even one example at a time.

    On GPUs it is refused where they are shared out (`sweep.planning.sharing`).
    """
    largest = max((node.get("memory", 0.0) for node in nodes), default=0.0)
    if plan.grid.resources.device == "cpu" and largest:
        for spec in plan.studies:
            check_memory(plan, spec, largest, "the machine with most")
