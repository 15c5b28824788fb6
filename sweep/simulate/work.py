"""What a leg of a trial does to a GPU: pieces of training and evaluation, one after another, in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sweep.planning.studies import StudySpec
from sweep.planning.tree import Node, until_share


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of work of `whole` seconds, of which this leg does those up to `upto`.

    `key` is what is put into the store when it is done; an evaluation has none. `slot` is the phase whose checkpoint it writes.
    """

    key: str
    slot: str
    whole: float
    upto: float

    @property
    def commits(self) -> bool:
        """Whether something is in the store when this piece is done."""
        return bool(self.key) and self.upto >= self.whole


@dataclass(frozen=True, slots=True)
class Work:
    """A leg: what a worker takes up, goes on with after it was lost, and ends."""

    name: str
    trial: str
    pieces: tuple[Piece, ...]


class Pace(Protocol):
    """How long things take, in seconds on one GPU."""

    def node(self, node: Node) -> float:
        """The training of a node."""

    def selection(self, study: StudySpec) -> float:
        """One measurement of English dev."""

    def evaluation(self, study: StudySpec) -> float:
        """The scores of a trial in every language."""


def pieces_of(nodes: tuple[Node, ...], until: float, pace: Pace, study: StudySpec, *, apart: str = "") -> tuple[Piece, ...]:
    """The pieces of a leg that ends after the share `until` of the last phase.

    With `apart` nothing is shared: that name is put before every key.
    """
    slots = {node.phase: node.key for node in nodes}
    pieces = []
    for node, share in zip(nodes, until_share(nodes, until), strict=True):
        seconds = pace.node(node)
        if share > 0.0:
            pieces.append(Piece(apart + node.key, apart + slots[node.phase], seconds, seconds * share))
    looked = pace.selection(study) + (pace.evaluation(study) if until >= 1 else 0.0)
    return (*pieces, Piece("", "", looked, looked))
