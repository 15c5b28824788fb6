"""`sweep plan --compare`: training tokens of a grid, run in several ways; counted, never timed.

Every way tries the same settings with the same seeds, but for those of early stopping, which end some of them early. The tree's
are counted by a rehearsal: the search itself over a store in memory, with made-up scores that follow from a seed. The ways of
others are added up over the trials that the tree without stopping has run. Tokens of evaluation are in none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from search_spaces.schema import Grid, Stopping
from sweep.planning.plan import Plan
from sweep.planning.rehearsal import Rehearsal, rehearse
from sweep.planning.sizes import Sizes
from sweep.planning.tree import Node
from sweep.search.board import Ask
from training.identity import WSD, Role

LINEAR = "linear"
OTHERS = ("naive", "once", "once, one setting")
DEFINITIONS: Mapping[str, str] = {
    "naive": "every (intermediate, target) pair trains its own phases, for each setting and seed (XQuAD and MLQA: SQuAD twice)",
    "once": "each intermediate is trained once a setting and seed, and used for all targets; nothing else is shared",
    "once, one setting": "as before, each intermediate at one setting (the mean of its epochs) for each seed",
    "tree": "this system: every phase that two trials share is trained once; every setting is run to its end with every seed",
    "tree, stopping": "and settings are stopped at rungs of the target phase, and only the best get further seeds",
    "tree, wsd": "the tree with the schedule wsd: phases that differ in epochs alone share their trunk",
    "tree, wsd, stopping": "all of it",
}
AIMS = (("tree", "naive", 5.0), ("tree", "once", 1.3), ("tree, stopping", "naive", 15.0), ("tree, stopping", "once", 4.0))
"""(way, other way, how many times fewer tokens it is to need)."""


def with_ways(plan: Plan, schedule: str, stopping: Stopping | None) -> Plan:
    """A plan with another schedule, with or without early stopping; its studies and data stay as they are."""
    grid: Grid = plan.grid.model_copy(
        update={
            "training": plan.grid.training.model_copy(update={"schedule": schedule}),
            "search": plan.grid.search.model_copy(update={"stopping": stopping}),
        }
    )
    return replace(plan, grid=grid)


def comparison(plan: Plan, sizes: Sizes, seed: int = 0) -> dict[str, Any]:
    """Tokens of every way of `DEFINITIONS`, the ratios between them, and whether they are what is aimed at."""
    stopping = plan.grid.search.stopping or Stopping()
    arms = {
        "tree": (LINEAR, None),
        "tree, stopping": (LINEAR, stopping),
        "tree, wsd": (WSD, None),
        "tree, wsd, stopping": (WSD, stopping),
    }
    counted = {name: rehearse(with_ways(plan, *arm), sizes.node_tokens, seed=seed) for name, arm in arms.items()}
    tokens = _unshared(counted["tree"].ended, sizes) | {name: found.work for name, found in counted.items()}
    return {
        "grid": plan.grid.name,
        "trials": plan.trials(),
        "settings": plan.grid.search.trials,
        "seeds": len(plan.grid.seeds),
        "stopping": {"rungs": list(stopping.rungs), "keep": stopping.keep, "seeds": stopping.seeds},
        "ways": [
            {
                "way": name,
                "tokens": round(tokens[name]),
                "definition": said,
                "fewer": _fewer(tokens, name),
                **_counts(counted.get(name)),
            }
            for name, said in DEFINITIONS.items()
        ],
        "aims": [_aim(tokens, *aim) for aim in AIMS],
        "seed": seed,
    }


def _counts(found: Rehearsal | None) -> dict[str, int]:
    if found is None:
        return {}
    return {
        "phases": sum(not node.is_trunk for node in found.nodes),
        "trials_to_the_end": len(found.ended),
        "trials_stopped": found.stopped,
    }


def _fewer(tokens: Mapping[str, float], name: str) -> dict[str, float]:
    """How many times fewer tokens a way needs than the ways of others."""
    return {other: round(tokens[other] / tokens[name], 2) if tokens[name] else 0.0 for other in OTHERS}


def _aim(tokens: Mapping[str, float], way: str, other: str, aim: float) -> dict[str, Any]:
    ratio = tokens[other] / tokens[way] if tokens[way] else float("inf")
    return {"way": way, "than": other, "fewer": round(ratio, 2), "aim": aim, "met": ratio >= aim}


def _unshared(trials: list[Ask], sizes: Sizes) -> dict[str, float]:
    """Tokens of the ways that share less, over the trials of a search that stopped none."""
    targets = sum(_role_tokens(ask, sizes, Role.TARGET) * len(ask.spec.targets) for ask in trials)
    pretrain = {node.key: sizes.node_tokens(node) for ask in trials for node in _of_role(ask, Role.PRETRAIN)}
    before = {Role.INTERMEDIATE, Role.PRETRAIN}
    naive = sum(_role_tokens(ask, sizes, *before) * len(ask.spec.targets) for ask in trials)
    once = {node.key: sizes.node_tokens(node) for ask in trials for node in _of_role(ask, Role.INTERMEDIATE)}
    shared = sum(pretrain.values())
    return {
        "naive": naive + targets,
        "once": sum(once.values()) + shared + targets,
        "once, one setting": _one_setting(trials, sizes) + shared + targets,
    }


def _one_setting(trials: list[Ask], sizes: Sizes) -> float:
    """Each intermediate phase at one setting, the mean over those that were tried, for each seed."""
    found: dict[tuple[str, str, int], dict[str, float]] = {}
    for ask in trials:
        for node in _of_role(ask, Role.INTERMEDIATE):
            place = (ask.spec.model, ask.spec.intermediate.name, ask.seed)
            found.setdefault(place, {})[node.key] = sizes.node_tokens(node)
    return sum(sum(phases.values()) / len(phases) for phases in found.values())


def _of_role(ask: Ask, *roles: Role) -> Iterator[Node]:
    return (node for node in ask.nodes if node.phase.role in roles)


def _role_tokens(ask: Ask, sizes: Sizes, *roles: Role) -> float:
    return sum(sizes.node_tokens(node) for node in _of_role(ask, *roles))
