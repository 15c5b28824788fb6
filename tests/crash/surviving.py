"""Sweeps that are struck until every stroke of a seed has fallen, each compared with the undisturbed one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.crash.disturbing import Disturbed, Servers, Tally
from tests.crash.exactly_once import Seen, seen
from tests.crash.orders import Witness, draw
from tests.crash.undisturbed import GRID, Undisturbed, compare
from tests.replay import say


def survive(
    numbers: Mapping[str, int],
    undisturbed: Undisturbed,
    seed: int,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    servers: Callable[[Witness], Servers],
) -> None:
    """Run sweeps until so many strokes of each victim have fallen, and compare each with the undisturbed one."""
    grid, tally, began = place / "crash.yaml", Tally(), time.monotonic()
    grid.write_text(GRID)
    strokes = draw(random.Random(seed), numbers)
    total, sweeps = Seen(), 0
    while strokes:
        witness = Witness(place / f"witness-{sweeps}")
        sweep = Disturbed(place / f"run-{sweeps}", grid, undisturbed.cache, strokes, tally, witness, servers(witness))
        sweep.survive()
        compare(sweep.run, undisturbed)
        found = seen(witness.events())
        assert found.faults == []
        assert len(found.steps) == undisturbed.steps
        total.steps += found.steps
        sweeps += 1
    say(capsys, f"[crash] {sum(tally.victims.values())} strokes: {dict(tally.victims)}, {time.monotonic() - began:.0f} s")
    say(capsys, f"[crash] {sweeps} sweeps in {tally.launches} launches, {tally.ended} of them ended by the storage")
    say(capsys, f"[crash] {total.steps.total()} steps done, {undisturbed.steps * sweeps} needed")
    for what, number in sorted(tally.strokes.items()):
        say(capsys, f"[crash]   {' '.join(what).strip()}: {number}")
