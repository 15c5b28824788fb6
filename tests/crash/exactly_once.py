"""What the witness saw, checked: no phase is published twice or trained after that; none goes on from before its checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """The training of one sweep, over all its launches.

    `steps` counts optimiser steps done, by (phase key, step). `faults` says what should not have happened.
    """

    steps: Counter[tuple[str, int]] = field(default_factory=Counter)
    begun: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Steps that were done again."""
        return sum(self.steps.values()) - len(self.steps)


def seen(events: Iterable[dict[str, Any]]) -> Seen:
    """Follow every phase through the events of a sweep.

    A phase that is trained again after an interruption has to begin at its last checkpoint, or further on: between the rename
    of a checkpoint and the event that tells of it there may be a kill. A record is written once.
    """
    follow = _Follow(Seen())
    for line in events:
        heard = getattr(follow, line["event"], None)
        if heard is not None:
            heard(line)
    return follow.seen


class _Follow:
    """Hears the events, each by the method of its name."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.kept, self.there, self.written = Counter[str](), set[str](), set[str]()
        self.first: dict[int, str] = {}

    def begun(self, line: dict[str, Any]) -> None:
        self.seen.begun += 1
        self.first[line["pid"]] = line["key"]
        if line["key"] in self.there:
            self.seen.faults.append(f"{line['key']} was trained after it was published")

    def step(self, line: dict[str, Any]) -> None:
        key, step = line["key"], line["step"]
        self.seen.steps[key, step] += 1
        if self.first.pop(line["pid"], "") == key and step - 1 < self.kept[key]:
            self.seen.faults.append(f"{key} began with step {step}, its checkpoint had {self.kept[key]}")

    def saved(self, line: dict[str, Any]) -> None:
        self.kept[line["key"]] = line["step"]

    def published(self, line: dict[str, Any]) -> None:
        if line["key"] in self.there:
            self.seen.faults.append(f"{line['key']} was published twice")
        self.there.add(line["key"])

    def recorded(self, line: dict[str, Any]) -> None:
        if line["trial"] in self.written:
            self.seen.faults.append(f"{line['trial']} was recorded twice")
        self.written.add(line["trial"])
