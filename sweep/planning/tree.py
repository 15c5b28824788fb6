"""The tree of phases: what of a chain is shared, piece by piece.

* A *node* is a piece of training that several chains may need: a whole phase, or, with the schedule wsd, a stretch of the trunk
  that phases share when they differ in epochs alone. Nodes with one key are the same training, and are trained once.
* A chain's nodes are in the order in which they are trained, so each stands on the one before it (Hippo, arXiv 2006.11972).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from training.identity import WSD, ChainIdentity, PhaseIdentity, Role, trunk_key

Branches = Mapping[Role, tuple[int, ...]]
"""The epochs, by role, that wsd phases of a grid may have."""


@dataclass(frozen=True)
class Node:
    """A piece of training: `epochs` are the passes over the phase's data that it holds itself.

    `key` is the phase's, or `<trunk key>@<E>` for the trunk as far as a phase of E epochs follows it.
    """

    key: str
    model: str
    phase: PhaseIdentity
    epochs: float

    @property
    def is_trunk(self) -> bool:
        """Whether this is a stretch of a trunk rather than a phase or its decay."""
        return "@" in self.key


def nodes_of(chain: ChainIdentity, branches: Branches, model: str) -> tuple[Node, ...]:
    """The nodes of a chain, in the order of training; `model` is what the grid calls its model."""
    nodes: list[Node] = []
    parent = chain.model.key
    for phase, key in zip(chain.phases, chain.phase_keys, strict=True):
        nodes += _phase_nodes(phase, parent, key, branches.get(phase.role, ()), model)
        parent = key
    return tuple(nodes)


def _phase_nodes(phase: PhaseIdentity, parent: str, key: str, epochs: tuple[int, ...], model: str) -> Iterator[Node]:
    if phase.schedule != WSD:
        yield Node(key, model, phase, float(phase.epochs))
        return
    trunk, stable, begun = trunk_key(parent, phase), 1 - phase.decay, 0.0
    for end in sorted({*(number for number in epochs if number < phase.epochs), phase.epochs}):
        yield Node(f"{trunk}@{end}", model, phase, (end - begun) * stable)
        begun = float(end)
    yield Node(key, model, phase, phase.epochs * phase.decay)


def until_share(nodes: tuple[Node, ...], until: float) -> tuple[float, ...]:
    """How much of each node a leg trains that ends after the share `until` of the last phase: 1 for every earlier one.

    Only nodes of the chain's last phase are cut; those after the cut get 0.
    """
    if not nodes or until >= 1:
        return (1.0,) * len(nodes)
    last = nodes[-1].phase
    left = until * last.epochs
    shares: list[float] = []
    for node in nodes:
        if node.phase is not last:
            shares.append(1.0)
            continue
        shares.append(min(1.0, left / node.epochs) if node.epochs else 1.0)
        left = max(0.0, left - node.epochs)
    return tuple(shares)
