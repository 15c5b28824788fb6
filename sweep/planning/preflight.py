"""What is checked before anything is trained: models take their tasks, data is read as a whole, resources can be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.schema import Grid
from sweep.elastic.nodes import Amounts, NodeType, places_on
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan
from sweep.planning.remedies import check_memory
from sweep.sources import ResolvedModel
from training.data.checking import count_examples
from training.data.loading import DataSource
from training.errors import Faults, UserError
from training.models.backbone import check_fit, load_tokenizer


def check_models(models: Mapping[str, ResolvedModel], sources: Mapping[str, DataSource]) -> None:
    """Raises `Faults` where a tokenizer lacks what training needs, has more tokens than its model, or windows are too long."""
    rows, faults = [source.row for source in sources.values()], list[UserError]()
    for name, model in models.items():
        try:
            check_fit(model.folder, load_tokenizer(model.folder), rows)
        except UserError as fault:
            faults.append(type(fault)(f"model {name}: {fault.cause}", fault.value, fault.remedy))
    if faults:
        raise Faults("the models", faults)


def check_data(grid: Grid, sources: Mapping[str, DataSource]) -> dict[str, int]:
    """Read every split that the grid needs; returns examples a split, raises `Faults` listing what is wrong in all of them."""
    return count_examples(needed_splits(grid, sources), sources, f"the data of grid {grid.name}")


def check_resources(wanted: Amounts, nodes: list[Amounts], types: Sequence[NodeType] = ()) -> None:
    """Raises UserError when no node that is up, or of a type that the autoscaler may start, could ever run a trial.

    Ray itself would wait for ever.
    """
    if any(places_on(each, wanted) for each in (*nodes, *(kind.resources for kind in types))):
        return
    asked = ", ".join(f"{amount:g} {name}" for name, amount in wanted.items())
    machines = [_amounts(node, wanted) for node in nodes]
    seen = f"its machines have {'; '.join(dict.fromkeys(machines)) or 'none that is alive'}"
    remedy = "lower `resources` in the grid, or add machines that have what it asks for"
    if types:
        seen += f"; its autoscaler may start {'; '.join(f'{kind.name} ({_amounts(kind.resources, wanted)})' for kind in types)}"
        nearest = min(types, key=lambda kind: _shortfall(kind.resources, wanted))
        lacks = [f"{name} to {nearest.resources.get(name, 0.0):g}" for name in wanted if _lack(nearest.resources, wanted, name)]
        remedy = f"nearest is {nearest.name}: lower what a trial takes of {' and '.join(lacks)}, or add a type that has it"
    raise UserError(f"no machine of this cluster can run a trial: a trial needs {asked}", seen, remedy)


def _amounts(node: Amounts, wanted: Amounts) -> str:
    return ", ".join(f"{node.get(name, 0.0):g} {name}" for name in wanted)


def _lack(node: Amounts, wanted: Amounts, name: str) -> float:
    """Which part of what is wanted a node lacks, from 0 to 1."""
    return max(0.0, wanted[name] - node.get(name, 0.0)) / wanted[name] if wanted[name] else 0.0


def _shortfall(node: Amounts, wanted: Amounts) -> tuple[int, float]:
    """How far a node is from what is wanted: resources that it has nothing of come first."""
    parts = [_lack(node, wanted, name) for name in wanted]
    return sum(part == 1 for part in parts), sum(parts)


def node_resources(nodes: list[dict[str, Any]]) -> list[Amounts]:
    """Resources of the machines that are alive, from `ray.nodes()`."""
    return [node["Resources"] for node in nodes if node.get("Alive")]


def check_fits(plan: Plan, nodes: list[Amounts], types: Sequence[NodeType] = ()) -> None:
    """Raises UserError when no machine has the memory for a trial on its CPU, even one example at a time.

    Each worker of a trial holds a whole model. On GPUs it is refused where they are shared out (`sweep.planning.sharing`).
    Nothing is refused where a type of node that the autoscaler may start does not say its memory.
    """
    if plan.grid.resources.device != "cpu" or any("memory" not in kind.resources for kind in types):
        return
    largest = max((node.get("memory", 0.0) for node in (*nodes, *(kind.resources for kind in types))), default=0.0)
    together = 1 if types else -(-plan.grid.resources.workers // max(1, len(nodes)))
    whose = "the machine with most" + (f", which {together} workers of a trial share" if together > 1 else "")
    if largest:
        for spec in plan.studies:
            check_memory(plan, spec, largest / together, whose)
