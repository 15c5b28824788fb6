"""What is checked before anything is trained: the data is read as a whole, and the resources asked for can be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.schema import Grid
from sweep.plan import needed_splits
from training.data.loading import DataSource, load
from training.errors import Faults, UserError


def check_data(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, int]:
    """Read every split that the grid needs; returns examples a split, raises `Faults` listing what is wrong in all of them."""
    faults: list[UserError] = []
    counts: dict[str, int] = {}
    for key, task, split, languages in needed_splits(grid, sources):
        for language in languages:
            try:
                examples = load(sources[task], split, language)
                counts[key] = counts.get(key, 0) + len(examples)
            except Faults as found:
                faults += found.faults
            except UserError as fault:
                faults.append(fault)
    if faults:
        # A train file that a dev split is carved from is read twice: its faults are told once.
        raise Faults(f"the data of grid {grid.name}", list({str(fault): fault for fault in faults}.values()))
    return counts


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
