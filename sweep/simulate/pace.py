"""How long simulated work takes: tokens of a phase (`planning.sizes`) over tokens a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweep.planning.plan import Plan
from sweep.planning.sizes import Sizes
from sweep.planning.studies import StudySpec
from sweep.planning.tree import Node

FORWARD = 3.0
"""A forward pass is about a third of a training step's work."""
LOOK = 0.1
"""English dev's part of all scored tokens, where a trial is only looked at."""


@dataclass
class TokenPace:
    """Seconds at `rate` training tokens a second on one GPU."""

    plan: Plan
    sizes: Sizes
    rate: float
    _scored: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def node(self, node: Node) -> float:
        """Seconds of training of a node."""
        return self.sizes.node_tokens(node) / self.rate

    def selection(self, study: StudySpec) -> float:
        """Seconds of one look at English dev."""
        return LOOK * self.evaluation(study)

    def evaluation(self, study: StudySpec) -> float:
        """Seconds of scoring a trial in every language."""
        if study.label not in self._scored:
            self._scored[study.label] = self.sizes.scored_tokens(self.plan, study) / self.rate / FORWARD
        return self._scored[study.label]
