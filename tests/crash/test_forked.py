"""Hundreds of kills: a whole launch with its search, training, store, records and studies, over forks in the place of Ray.

`SWEEP_CRASH_SEED` replays a run, `SWEEP_CRASH_FORKED` multiplies the number of strokes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.forge import Forge
from tests.crash.surviving import survive
from tests.crash.undisturbed import Undisturbed

TIMES = int(os.environ.get("SWEEP_CRASH_FORKED") or 1)
STROKES = {"worker": 10 * TIMES, "driver": 3 * TIMES, "store": 5 * TIMES, "database": 2 * TIMES}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 + 300 * TIMES)]


def test_sweep_struck_over_and_over_ends_as_one_that_ran_through(
    undisturbed: Undisturbed, forge: Forge, crash_seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    survive(STROKES, undisturbed, crash_seed, tmp_path, capsys, lambda witness: forge)
