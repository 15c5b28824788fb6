"""What to start first: the longest way to the end of the sweep (the critical path), and among equals what is ready.

A study is a chain of rounds, so it can't end sooner than its rounds one after the other; a phase that several studies wait for
is as urgent as the most urgent of them. Ways that differ by less than a factor of `BUCKET` count as equal, and then a trial
whose phases are ready goes before one that has to train more.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sweep.planning.tree import Node, until_share
from sweep.search.rules import Rules

BUCKET = 1.25
Seconds = Callable[[Node], float]


def passes(node: Node) -> float:
    """A stand-in for seconds where nothing is known: passes over the data."""
    return node.epochs


def leg_seconds(nodes: tuple[Node, ...], begun: float, until: float, has: Callable[[str], bool], seconds: Seconds) -> float:
    """Likely seconds of a leg's training: its missing nodes, and its last phase between the shares `begun` and `until`."""
    end = until_share(nodes, until)
    start = until_share(nodes, begun) if begun else (0.0,) * len(nodes)
    return sum(
        (upper - lower) * seconds(node) for node, upper, lower in zip(nodes, end, start, strict=True) if not has(node.key)
    )


def rounds_left(rules: Rules, asked: int) -> int:
    """Rounds of settings that a study has still to ask for."""
    return max(0, math.ceil((rules.wanted - asked) / rules.at_once))


def bucket(seconds: float) -> int:
    """Which class of equal urgency a way of so many seconds is in; more is more urgent."""
    return math.floor(math.log(max(seconds, 1e-9)) / math.log(BUCKET))
